//! The Pickup effect: what an editor meets inside a host.
//!
//! The effect makes nothing itself. It reads the parameters ([`params`], [`values`]) and the files they name ([`files`], [`paths`]),
//! says what it lacks ([`guide`]) and which controls are of use ([`controls`]), captures the frames that the host lets it see
//! ([`capture`]) in the encoding that was agreed on ([`colours`], [`ocio`]), builds a request from all that ([`order`]), has the
//! worker process fill it beside the host's threads ([`job`], [`process`]), and shows the take that comes of it ([`find`],
//! [`render`], [`wait`]), placed by [`geometry`] and [`placement`], scaled by [`resample`], limited by [`matte`], and written into
//! whatever pixels the host has by [`paint`] and [`pixels`]. What hosts ask beforehand is answered in [`questions`]. Without a take
//! it shows what is missing ([`slates`]).
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
mod controls;
mod describe;
mod files;
mod find;
mod geometry;
mod guide;
mod instance;
mod job;
mod matte;
mod ocio;
mod order;
mod paint;
pub mod params;
mod paths;
mod pixels;
mod placement;
mod process;
mod questions;
mod render;
mod resample;
mod reveal;
mod slates;
mod status;
mod values;
mod wait;
mod weights;

use host_sys::{
    At, Change, ClipPreferences, Context, Descriptor, Effect, FramesNeeded, HostInfo, Identity, Instance, Range, RectD, RegionsNeeded,
    RenderArgs, Result,
};

use crate::instance::Data;

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
        data.end();
    }

    fn changed(&self, instance: &Instance<'_>, data: &Data, change: &Change) -> Result<()> {
        instance::changed(instance, data, change)
    }

    fn purge(&self, _data: Option<&Data>) {
        process::process().purge();
    }

    fn region_of_definition(&self, instance: &Instance<'_>, data: &Data, at: At) -> Result<Option<RectD>> {
        Ok(questions::region_of_definition(instance, &data.values(instance, Some(at.time)), at.time))
    }

    fn regions_needed(&self, instance: &Instance<'_>, data: &Data, at: At, _region: RectD) -> Result<Option<RegionsNeeded>> {
        Ok(questions::regions_needed(instance, &data.values(instance, Some(at.time)), at.time))
    }

    fn frames_needed(&self, instance: &Instance<'_>, data: &Data, time: f64) -> Result<Option<FramesNeeded>> {
        Ok(Some(questions::frames_needed(instance, &data.values(instance, Some(time)), time)))
    }

    fn time_domain(&self, instance: &Instance<'_>, data: &Data) -> Result<Option<Range>> {
        Ok(questions::time_domain(instance, &data.values(instance, None)))
    }

    fn identity(&self, instance: &Instance<'_>, data: &Data, at: At) -> Result<Option<Identity>> {
        Ok(questions::identity(instance, &data.values(instance, Some(at.time)), at.time))
    }

    fn clip_preferences(&self, instance: &Instance<'_>, data: &Data) -> Result<Option<ClipPreferences>> {
        let values = data.values(instance, None);
        let is_generator = values.context == Context::Generator;
        let colourspaces = colours::preferred(instance, order::inputs(instance, &values));
        let premultiplied = is_generator.then_some(true);
        Ok(Some(ClipPreferences { is_frame_varying: true, premultiplied, colourspaces, ..ClipPreferences::default() }))
    }

    fn output_colourspace(&self, instance: &Instance<'_>, data: &Data, wishes: &[String]) -> Result<Option<String>> {
        let values = data.values(instance, None);
        Ok(colours::of_output(instance, order::inputs(instance, &values), wishes))
    }

    fn render(&self, instance: &Instance<'_>, data: &Data, args: &mut RenderArgs<'_>) -> Result<()> {
        render::render(instance, data, args)
    }
}

host_sys::export!(Pickup);
