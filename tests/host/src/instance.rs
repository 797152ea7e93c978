//! An instance of an effect, and every action a host can send it.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use host_sys::raw;

use crate::buffer::{Buffer, Rect, Rows};
use crate::effect::{Effect, Job, Setup};
use crate::host::Plugin;
use crate::param::{Holds, Value};
use crate::picture::{Area, TestClip};
use crate::props::{PropSet, Values};
use crate::registry;
use crate::render::{Field, RenderArgs, RenderedImage};
use crate::status::Status;

/// An instance. It is destroyed with the value unless it was left behind on purpose.
pub struct Instance {
    plugin: Plugin,
    pub(crate) effect: Arc<Effect>,
    gone: AtomicBool,
}

/// What an effect asked for in GetClipPreferences: properties that it changed, by name.
pub type Preferences = BTreeMap<String, Values>;

fn cstring(text: &str) -> CString {
    CString::new(text).expect("a name without a zero byte")
}

/// Names such as `OfxImageClipPropRoI_Source`.
fn per_clip(prefix: &str, clip: &CStr) -> CString {
    cstring(&format!("{prefix}{}", clip.to_string_lossy()))
}

impl Instance {
    pub(crate) fn create(plugin: Plugin, descriptor: &Effect, setup: &Setup) -> Result<Self, Status> {
        let effect = Effect::instance(descriptor, plugin.inner.entry, setup);
        for (name, value) in &setup.params {
            let param = effect.params.find(&cstring(name)).unwrap_or_else(|| panic!("there is no param {name}"));
            assert!(param.takes(value), "param {name} does not take {value:?}");
            param.curve.lock().still = value.clone();
        }
        let instance = Self { plugin, effect, gone: AtomicBool::new(false) };
        match instance.send(raw::kOfxActionCreateInstance, None, None).good() {
            Ok(_) => Ok(instance),
            Err(status) => {
                instance.gone.store(true, Ordering::Relaxed);
                instance.effect.retire();
                Err(status)
            }
        }
    }

    fn send(&self, action: &CStr, args: Option<&PropSet>, out: Option<&PropSet>) -> Status {
        self.plugin.inner.entry.call(&self.effect.host, action, self.effect.id, (args, out), None)
    }

    fn props(&self, kind: &'static str) -> PropSet {
        PropSet::new(&self.effect.host, kind)
    }

    fn setup(&self) -> &Setup {
        self.effect.setup.as_ref().expect("an instance has a project")
    }

    /// The plug-in it is an instance of.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Its handle, for calls no polite host makes.
    pub fn handle(&self) -> usize {
        self.effect.id
    }

    // Params.

    /// Names of all params.
    pub fn params(&self) -> Vec<String> {
        self.effect.params.params.lock().iter().map(|p| p.name.to_string_lossy().into_owned()).collect()
    }

    /// A param's type, such as `OfxParamTypeDouble`.
    pub fn param_type(&self, name: &str) -> Option<String> {
        self.effect.params.find(&cstring(name)).map(|p| p.kind.to_string_lossy().into_owned())
    }

    /// A param's value, without keys.
    pub fn param(&self, name: &str) -> Option<Value> {
        self.effect.params.find(&cstring(name)).map(|p| p.curve.lock().still.clone())
    }

    /// The value of a string param; empty where there is none.
    pub fn text(&self, name: &str) -> String {
        if let Some(Value::Text(text)) = self.param(name) { text } else { String::new() }
    }

    /// Whether a param is shown and can be changed now.
    pub fn is_usable(&self, name: &str) -> bool {
        let Some(param) = self.effect.params.find(&cstring(name)) else { return false };
        param.props.peek_one::<i32>(raw::kOfxParamPropEnabled) == Some(1)
            && param.props.peek_one::<i32>(raw::kOfxParamPropSecret) == Some(0)
    }

    /// What a project would save: every param that holds something, with its value.
    pub fn saved(&self) -> Vec<(String, Value)> {
        self.params().into_iter().filter_map(|n| self.param(&n).filter(|v| *v != Value::None).map(|v| (n, v))).collect()
    }

    /// The options of a choice.
    pub fn options(&self, name: &str) -> Vec<String> {
        let Some(param) = self.effect.params.find(&cstring(name)) else { return Vec::new() };
        let options = param.props.peek_all::<CString>(raw::kOfxParamPropChoiceOption).unwrap_or_default();
        options.iter().map(|o| o.to_string_lossy().into_owned()).collect()
    }

    /// Gives a param a value without telling the plug-in, as when a project is read or a script runs. Panics for an unknown
    /// param and for a value of another type.
    pub fn poke(&self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let param = self.effect.params.find(&cstring(name)).unwrap_or_else(|| panic!("there is no param {name}"));
        assert!(param.takes(&value), "param {name} does not take {value:?}");
        param.curve.lock().still = value;
    }

    /// Sets a key of a param without telling the plug-in.
    pub fn key(&self, name: &str, time: f64, value: impl Into<Value>) {
        let param = self.effect.params.find(&cstring(name)).unwrap_or_else(|| panic!("there is no param {name}"));
        param.curve.lock().set_key(time, value.into());
    }

    /// The editor changes a param.
    pub fn set(&self, name: &str, value: impl Into<Value>) -> Status {
        self.poke(name, value);
        self.changed(name, raw::kOfxChangeUserEdited)
    }

    /// The editor picks an option of a choice by its text, which it must contain. Panics when there is none.
    pub fn choose(&self, name: &str, option: &str) -> Status {
        let options = self.options(name);
        let index = options.iter().position(|o| o.to_lowercase().contains(&option.to_lowercase()));
        let index = index.unwrap_or_else(|| panic!("{name} has no option {option}, only {options:?}"));
        match self.param(name) {
            Some(Value::Text(_)) => self.set(name, options[index].as_str()),
            _ => self.set(name, index as i32),
        }
    }

    /// The editor presses a button.
    pub fn press(&self, name: &str) -> Status {
        assert!(self.effect.params.find(&cstring(name)).is_some_and(|p| p.holds == Holds::Nothing), "there is no button {name}");
        self.changed(name, raw::kOfxChangeUserEdited)
    }

    /// Tells the plug-in that a param changed.
    pub fn changed(&self, name: &str, reason: &CStr) -> Status {
        let time = *self.effect.host.time.lock();
        self.plugin.inner.entry.changed(&self.effect, raw::kOfxTypeParameter, &cstring(name), reason, time)
    }

    /// Tells the plug-in that the play head moved.
    pub fn time_changed(&self, time: f64) -> Status {
        *self.effect.host.time.lock() = time;
        self.plugin.inner.entry.changed(&self.effect, raw::kOfxTypeParameter, c"", raw::kOfxChangeTime, time)
    }

    // Clips.

    /// Connects or disconnects a clip and tells the plug-in. Panics when the effect has no such clip.
    pub fn connect(&self, clip: &str, source: Option<TestClip>) -> Status {
        let name = cstring(clip);
        let found = self.effect.clip(&name).unwrap_or_else(|| panic!("there is no clip {clip}"));
        found.connect(source, self.setup());
        let time = *self.effect.host.time.lock();
        self.plugin.inner.entry.changed(&self.effect, raw::kOfxTypeClip, &name, raw::kOfxChangeUserEdited, time)
    }

    /// What a connected clip shows.
    pub fn source(&self, clip: &str) -> Option<TestClip> {
        self.effect.clip(&cstring(clip))?.source.lock().clone()
    }

    // Questions.

    /// GetRegionOfDefinition; `None` where the plug-in leaves it to the host.
    pub fn rod(&self, time: f64, scale: (f64, f64)) -> Result<Option<Area>, Status> {
        let args = self
            .props("in GetRegionOfDefinition")
            .double(raw::kOfxPropTime, time)
            .doubles(raw::kOfxImageEffectPropRenderScale, &[scale.0, scale.1])
            .share();
        let out = self.props("out GetRegionOfDefinition").doubles(raw::kOfxImageEffectPropRegionOfDefinition, &[0.0; 4]).share();
        let status = self.send(raw::kOfxImageEffectActionGetRegionOfDefinition, Some(&args), Some(&out));
        let area = out.peek_all::<f64>(raw::kOfxImageEffectPropRegionOfDefinition);
        self.forget(&[&args, &out]);
        match status.good()? {
            Status::DEFAULT => Ok(None),
            _ => Ok(area.filter(|a| a.len() == 4).map(|a| Area::new(a[0], a[1], a[2], a[3]))),
        }
    }

    /// GetRegionsOfInterest: a region for each source clip.
    pub fn regions_of_interest(&self, time: f64, area: Area) -> Result<BTreeMap<String, Values>, Status> {
        let args = self
            .props("in GetRegionsOfInterest")
            .double(raw::kOfxPropTime, time)
            .doubles(raw::kOfxImageEffectPropRenderScale, &[1.0, 1.0])
            .doubles(raw::kOfxImageEffectPropRegionOfInterest, &area.as_doubles())
            .share();
        let mut out = self.props("out GetRegionsOfInterest");
        for clip in self.effect.clips.lock().iter().filter(|c| !c.is_output()) {
            out = out.doubles(&per_clip("OfxImageClipPropRoI_", &clip.name), &area.as_doubles());
        }
        let out = out.share();
        let status = self.send(raw::kOfxImageEffectActionGetRegionsOfInterest, Some(&args), Some(&out));
        let answer = named(&out);
        self.forget(&[&args, &out]);
        status.good().map(|_| answer)
    }

    /// GetFramesNeeded: ranges for each source clip, first and last alternating.
    pub fn frames_needed(&self, time: f64) -> Result<BTreeMap<String, Vec<f64>>, Status> {
        let args = self.props("in GetFramesNeeded").double(raw::kOfxPropTime, time).share();
        let mut out = self.props("out GetFramesNeeded");
        let names: Vec<CString> = self.effect.clips.lock().iter().filter(|c| !c.is_output()).map(|c| c.name.clone()).collect();
        for name in &names {
            out = out.growing_doubles(&per_clip("OfxImageClipPropFrameRange_", name), &[time, time]);
        }
        let out = out.share();
        let status = self.send(raw::kOfxImageEffectActionGetFramesNeeded, Some(&args), Some(&out));
        let of = |name: &CString| {
            let ranges = out.peek_all::<f64>(&per_clip("OfxImageClipPropFrameRange_", name));
            (name.to_string_lossy().into_owned(), ranges.unwrap_or_default())
        };
        let answer = names.iter().map(of).collect();
        self.forget(&[&args, &out]);
        status.good().map(|_| answer)
    }

    /// GetTimeDomain; `None` where the plug-in leaves it to the host.
    pub fn time_domain(&self) -> Result<Option<(f64, f64)>, Status> {
        let out = self.props("out GetTimeDomain").doubles(raw::kOfxImageEffectPropFrameRange, &[0.0, 0.0]).share();
        let status = self.send(raw::kOfxImageEffectActionGetTimeDomain, None, Some(&out));
        let range = out.peek_all::<f64>(raw::kOfxImageEffectPropFrameRange);
        self.forget(&[&out]);
        match status.good()? {
            Status::DEFAULT => Ok(None),
            _ => Ok(range.filter(|r| r.len() == 2).map(|r| (r[0], r[1]))),
        }
    }

    /// IsIdentity: the clip and time to show instead of rendering.
    pub fn is_identity(&self, args: &RenderArgs) -> Result<Option<(String, f64)>, Status> {
        let window = self.window(args);
        let set = self
            .props("in IsIdentity")
            .double(raw::kOfxPropTime, args.time)
            .text(raw::kOfxImageEffectPropFieldToRender, args.field.name())
            .ints(raw::kOfxImageEffectPropRenderWindow, &window.as_ints())
            .doubles(raw::kOfxImageEffectPropRenderScale, &[args.scale.0, args.scale.1])
            .share();
        let out = self.props("out IsIdentity").text(raw::kOfxPropName, c"").double(raw::kOfxPropTime, args.time).share();
        let status = self.send(raw::kOfxImageEffectActionIsIdentity, Some(&set), Some(&out));
        let name = out.peek_text(raw::kOfxPropName).unwrap_or_default().to_string_lossy().into_owned();
        let time = out.peek_one::<f64>(raw::kOfxPropTime).unwrap_or(args.time);
        self.forget(&[&set, &out]);
        match status.good()? {
            Status::DEFAULT => Ok(None),
            _ => Ok(Some((name, time))),
        }
    }

    /// GetClipPreferences: everything the plug-in could set, with the values after the action.
    pub fn clip_preferences(&self) -> Result<Preferences, Status> {
        let setup = self.setup();
        let mut out = self
            .props("out GetClipPreferences")
            .double(raw::kOfxImageEffectPropFrameRate, setup.rate)
            .text(raw::kOfxImageClipPropFieldOrder, raw::kOfxImageFieldNone)
            .text(raw::kOfxImageEffectPropPreMultiplication, raw::kOfxImagePreMultiplied)
            .int(raw::kOfxImageClipPropContinuousSamples, 0)
            .int(raw::kOfxImageEffectFrameVarying, 0);
        for clip in self.effect.clips.lock().iter() {
            out = out
                .text(&per_clip("OfxImageClipPropComponents_", &clip.name), setup.format.components.name())
                .text(&per_clip("OfxImageClipPropDepth_", &clip.name), setup.format.depth.name())
                .double(&per_clip("OfxImageClipPropPAR_", &clip.name), setup.aspect);
            if self.effect.host.quirks.api >= (1, 5) {
                out = out.texts(&per_clip("OfxImageClipPropPreferredColourspaces_", &clip.name), &[]);
            }
        }
        let out = out.share();
        let status = self.send(raw::kOfxImageEffectActionGetClipPreferences, None, Some(&out));
        let answer = named(&out);
        self.forget(&[&out]);
        status.good().map(|_| answer)
    }

    /// GetOutputColourspace: what the output's encoding is called when the host would like these; `None` where the plug-in leaves
    /// it to the host.
    pub fn output_colourspace(&self, wishes: &[&str]) -> Result<Option<String>, Status> {
        let wishes: Vec<CString> = wishes.iter().map(|w| cstring(w)).collect();
        let wishes: Vec<&CStr> = wishes.iter().map(CString::as_c_str).collect();
        let args = self.props("in GetOutputColourspace").texts(raw::kOfxImageClipPropPreferredColourspaces, &wishes).share();
        let out = self.props("out GetOutputColourspace").text(raw::kOfxImageClipPropColourspace, c"").share();
        let status = self.send(raw::kOfxImageEffectActionGetOutputColourspace, Some(&args), Some(&out));
        let name = out.peek_text(raw::kOfxImageClipPropColourspace).unwrap_or_default().to_string_lossy().into_owned();
        self.forget(&[&args, &out]);
        match status.good()? {
            Status::DEFAULT => Ok(None),
            _ => Ok(Some(name)),
        }
    }

    // Render.

    fn window(&self, args: &RenderArgs) -> Rect {
        let s = self.setup();
        let project = Area::new(s.offset.0, s.offset.1, s.offset.0 + s.size.0, s.offset.1 + s.size.1);
        args.window.unwrap_or_else(|| project.pixels(args.field_scale(), s.aspect))
    }

    /// BeginSequenceRender (`true`) or EndSequenceRender.
    pub fn sequence(&self, begins: bool, first: f64, last: f64, args: &RenderArgs) -> Status {
        let set = self
            .props("in sequence")
            .doubles(raw::kOfxImageEffectPropFrameRange, &[first, last])
            .double(raw::kOfxImageEffectPropFrameStep, 1.0)
            .int(raw::kOfxPropIsInteractive, i32::from(args.interactive))
            .doubles(raw::kOfxImageEffectPropRenderScale, &[args.scale.0, args.scale.1])
            .int(raw::kOfxImageEffectPropSequentialRenderStatus, i32::from(args.sequential))
            .int(raw::kOfxImageEffectPropInteractiveRenderStatus, i32::from(args.interactive))
            .share();
        let action = if begins { raw::kOfxImageEffectActionBeginSequenceRender } else { raw::kOfxImageEffectActionEndSequenceRender };
        let status = self.send(action, Some(&set), None);
        self.forget(&[&set]);
        status
    }

    /// Render, whatever IsIdentity says.
    pub fn render(&self, args: &RenderArgs) -> Result<RenderedImage, Status> {
        if args.bracketed {
            self.sequence(true, args.time, args.time, args).good()?;
        }
        let image = self.draw(args);
        if args.bracketed {
            self.sequence(false, args.time, args.time, args);
        }
        image
    }

    fn draw(&self, args: &RenderArgs) -> Result<RenderedImage, Status> {
        let window = self.window(args);
        let m = args.rows.margin;
        let bounds = Rect::new(window.x1 - m[0], window.y1 - m[1], window.x2 + m[2], window.y2 + m[3]);
        let host = &self.effect.host;
        let rows = Rows { negative: args.rows.negative || host.quirks.negative_rows, ..args.rows };
        let buffer = Arc::new(Buffer::new(bounds, self.setup().format, rows));
        self.draw_into(args, window, buffer.clone()).good()?;
        let image = RenderedImage { window, buffer };
        if matches!(args.field, Field::Lower | Field::Upper) && image.other_field_was_written(args.field == Field::Upper) {
            host.violation("lines of the other field were written".into());
        }
        if image.spilt() {
            host.violation("pixels outside the render window were written".into());
        }
        Ok(image)
    }

    /// Render into memory that is there already, without looking whether the plug-in kept to the window: for timing.
    pub fn draw_into(&self, args: &RenderArgs, window: Rect, buffer: Arc<Buffer>) -> Status {
        let host = &self.effect.host;
        let mut set = self
            .props("in Render")
            .double(raw::kOfxPropTime, args.time)
            .text(raw::kOfxImageEffectPropFieldToRender, args.field.name())
            .ints(raw::kOfxImageEffectPropRenderWindow, &window.as_ints())
            .doubles(raw::kOfxImageEffectPropRenderScale, &[args.scale.0, args.scale.1])
            .int(raw::kOfxImageEffectPropSequentialRenderStatus, i32::from(args.sequential))
            .int(raw::kOfxImageEffectPropInteractiveRenderStatus, i32::from(args.interactive))
            .int(raw::kOfxImageEffectPropRenderQualityDraft, i32::from(args.draft));
        // Resolve offers it, a 1.4 host, so it is always there.
        set = set.int(raw::kOfxImageEffectPropThumbnailRender, i32::from(args.thumbnail));
        if host.quirks.api >= (1, 5) {
            set = set.int(raw::kOfxImageEffectPropNoSpatialAwareness, 0);
        }
        if let Some((_, stream)) = args.device {
            set = set.int(raw::kOfxImageEffectPropCudaEnabled, 1);
            if stream != 0 {
                set = set.pointer(raw::kOfxImageEffectPropCudaStream, stream);
            }
        }
        let set = set.share();
        let job = Arc::new(Job {
            time: args.time,
            scale: args.scale,
            rows: args.rows,
            field: args.field,
            device: args.device.map(|d| d.0),
            output: buffer,
        });
        let entry = self.plugin.inner.entry;
        let status = entry.call(host, raw::kOfxImageEffectActionRender, self.effect.id, (Some(&set), None), Some(job));
        self.forget(&[&set]);
        status
    }

    // The rest.

    /// Makes `abort` answer 1, or 0 again.
    pub fn abort(&self, yes: bool) {
        self.effect.aborts.store(yes, Ordering::Relaxed);
    }

    /// Any action with this instance's handle and no arguments.
    pub fn bare_action(&self, action: &CStr) -> Status {
        self.send(action, None, None)
    }

    /// SyncPrivateData, as before a project is saved.
    pub fn sync(&self) -> Status {
        self.bare_action(raw::kOfxActionSyncPrivateData)
    }

    /// PurgeCaches.
    pub fn purge(&self) -> Status {
        self.bare_action(raw::kOfxActionPurgeCaches)
    }

    /// Destroys it.
    pub fn destroy(self) -> Status {
        self.end()
    }

    /// Leaves it behind undestroyed, as hosts do that quit in a hurry.
    pub fn leave(self) {
        self.gone.store(true, Ordering::Relaxed);
    }

    fn end(&self) -> Status {
        if self.gone.swap(true, Ordering::Relaxed) {
            return Status::OK;
        }
        let status = self.send(raw::kOfxActionDestroyInstance, None, None);
        self.effect.retire();
        status
    }

    fn forget(&self, sets: &[&Arc<PropSet>]) {
        for set in sets {
            registry::remove(set.id);
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.end();
    }
}

fn named(set: &PropSet) -> BTreeMap<String, Values> {
    set.all().into_iter().map(|(name, values)| (name.to_string_lossy().into_owned(), values)).collect()
}
