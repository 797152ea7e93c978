//! The Pickup effect: what an editor meets inside a host.
//!
//! The effect makes nothing itself. It reads the parameters ([`params`], [`values`]), captures the frames that the host lets it
//! see ([`capture`]), builds a request from both ([`order`]), has the worker process fill it beside the host's threads ([`job`],
//! [`process`]), and shows the take that comes of it ([`find`], [`render`], [`wait`]), placed by [`geometry`] and [`placement`], scaled by
//! [`resample`], and written into whatever pixels the host has by [`paint`] and [`pixels`]. What hosts ask beforehand is answered
//! in [`questions`]. Without a take it shows what is missing
//! ([`slates`]).
//!
//! Life cycle: describing costs nothing and starts nothing, because some hosts do it for every frame. Generate, pressed in
//! InstanceChanged, captures, starts a job and returns; the job writes the frames, runs the worker, and links the take under
//! the request's name. At the next change the take's id goes into a parameter, which is all that a project keeps: rendering is
//! by id. Unload stops the jobs and ends the worker.
//!
//! Threads: renders may come from any number of threads; they share the process's state ([`process::Process`]), which is
//! behind locks that are never held while the host is called. The only threads of our own are those of jobs, and the worker
//! client's.
//!
//! The effect refuses to run a model, to decode a codec, to hash frames in order to find a take, to set a parameter outside of
//! InstanceChanged, and to let a slate into a final render unless the editor chose that.

mod browse;
mod capture;
mod colours;
mod context_file;
mod describe;
mod find;
mod geometry;
mod instance;
mod job;
mod order;
mod paint;
pub mod params;
mod pixels;
mod placement;
mod process;
mod questions;
mod render;
mod resample;
mod slates;
mod status;
mod values;
mod wait;

use host_sys::{
    At, Change, ClipPreferences, Context, Descriptor, Effect, FramesNeeded, HostInfo, Identity, Instance, Range, RectD, RegionsNeeded,
    RenderArgs, Result,
};

use crate::instance::Data;
use crate::values::Values;

/// The effect's version; the first number changes only when old projects could not be read any more.
pub const VERSION: (u32, u32) = (1, 0);

/// The effect.
#[derive(Debug)]
pub struct Pickup;

impl Effect for Pickup {
    type Data = Data;
    const IDENTIFIER: &'static std::ffi::CStr = c"org.pickup.Pickup";
    const VERSION: (u32, u32) = VERSION;

    fn load(&self, host: &HostInfo) -> Result<()> {
        log::debug!("loaded by {} {:?}, OpenFX {:?}", host.name, host.version, host.api);
        Ok(())
    }

    fn unload(&self) {
        process::process().stop();
    }

    fn describe(&self, descriptor: &Descriptor<'_>) -> Result<()> {
        describe::describe(descriptor)
    }

    fn describe_in_context(&self, descriptor: &Descriptor<'_>, context: Context) -> Result<()> {
        describe::describe_in_context(descriptor, context)
    }

    fn create(&self, instance: &Instance<'_>) -> Data {
        Data::new(instance)
    }

    fn destroy(&self, _instance: &Instance<'_>, data: &Data) {
        data.leave();
    }

    fn changed(&self, instance: &Instance<'_>, data: &Data, change: &Change) -> Result<()> {
        instance::changed(instance, data, change)
    }

    fn purge(&self, _data: Option<&Data>) {
        process::process().purge();
    }

    fn region_of_definition(&self, instance: &Instance<'_>, data: &Data, at: At) -> Result<Option<RectD>> {
        Ok(questions::region_of_definition(instance, data.context(instance), at.time))
    }

    fn regions_needed(&self, instance: &Instance<'_>, data: &Data, at: At, _region: RectD) -> Result<Option<RegionsNeeded>> {
        Ok(questions::regions_needed(instance, data.context(instance), at.time))
    }

    fn frames_needed(&self, instance: &Instance<'_>, data: &Data, time: f64) -> Result<Option<FramesNeeded>> {
        Ok(Some(questions::frames_needed(instance, data.context(instance), time)))
    }

    fn time_domain(&self, instance: &Instance<'_>, data: &Data) -> Result<Option<Range>> {
        let context = data.context(instance);
        if !matches!(context, Context::General | Context::Generator) {
            return Ok(None);
        }
        let values = Values::read(instance, None);
        let rate = order::rate_of(instance, context, f64::from(values.first));
        let place = placement::of(&values, context, rate).ok();
        Ok(place.map(|p| Range { min: p.first as f64, max: (p.end() - 1) as f64 }))
    }

    fn identity(&self, instance: &Instance<'_>, data: &Data, at: At) -> Result<Option<Identity>> {
        let context = data.context(instance);
        Ok(questions::identity(instance, context, &Values::read(instance, Some(at.time)), at.time))
    }

    fn clip_preferences(&self, instance: &Instance<'_>, data: &Data) -> Result<Option<ClipPreferences>> {
        let is_generator = data.context(instance) == Context::Generator;
        Ok(Some(ClipPreferences { is_frame_varying: true, premultiplied: is_generator.then_some(true), ..ClipPreferences::default() }))
    }

    fn render(&self, instance: &Instance<'_>, data: &Data, args: &mut RenderArgs<'_>) -> Result<()> {
        render::render(instance, data, args)
    }
}

host_sys::export!(Pickup);
