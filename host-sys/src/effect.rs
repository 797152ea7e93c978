//! What a plug-in implements, in safe Rust.

use std::ffi::CStr;

use crate::actions::{At, Change, ClipPreferences, FramesNeeded, Identity, Reason, RegionsNeeded, RenderArgs, Sequence};
use crate::geometry::{Range, RectD};
use crate::host::HostInfo;
use crate::instance::{Context, Descriptor, Instance};
use crate::status::Result;

/// An image effect. Its methods are the actions of OpenFX; `None` and the default bodies leave an action to the host.
///
/// All methods may be called from any thread of the host, also several at once and, when a parameter is set inside
/// [`changed`](Self::changed), again on the same stack: hold no lock while calling anything of the host.
pub trait Effect: Send + Sync + 'static {
    /// What is kept for each instance.
    type Data: Send + Sync + 'static;

    /// Reverse-address identifier, frozen for ever.
    const IDENTIFIER: &'static CStr;
    /// Major and minor version.
    const VERSION: (u32, u32);

    /// The library was loaded, perhaps not for the first time.
    fn load(&self, _host: &HostInfo) -> Result<()> {
        Ok(())
    }

    /// The library is about to be unloaded: stop, join, flush. It may be loaded again.
    fn unload(&self) {}

    /// Describe: label, contexts, depths.
    fn describe(&self, descriptor: &Descriptor<'_>) -> Result<()>;

    /// DescribeInContext: clips and parameters.
    fn describe_in_context(&self, descriptor: &Descriptor<'_>, context: Context) -> Result<()>;

    /// CreateInstance. Whatever happens, the host is answered OK: some show no controls otherwise.
    fn create(&self, instance: &Instance<'_>) -> Self::Data;

    /// DestroyInstance; `data` is dropped when its last action ends.
    fn destroy(&self, _instance: &Instance<'_>, _data: &Self::Data) {}

    /// BeginInstanceChanged.
    fn begin_changed(&self, _instance: &Instance<'_>, _data: &Self::Data, _reason: Reason) -> Result<()> {
        Ok(())
    }

    /// InstanceChanged: the one action in which parameters may be set.
    fn changed(&self, instance: &Instance<'_>, data: &Self::Data, change: &Change) -> Result<()>;

    /// EndInstanceChanged.
    fn end_changed(&self, _instance: &Instance<'_>, _data: &Self::Data, _reason: Reason) -> Result<()> {
        Ok(())
    }

    /// SyncPrivateData: the host is about to save.
    fn sync(&self, _instance: &Instance<'_>, _data: &Self::Data) -> Result<()> {
        Ok(())
    }

    /// PurgeCaches: memory is short. Without an instance it is for all of them.
    fn purge(&self, _data: Option<&Self::Data>) {}

    /// GetRegionOfDefinition.
    fn region_of_definition(&self, _instance: &Instance<'_>, _data: &Self::Data, _at: At) -> Result<Option<RectD>> {
        Ok(None)
    }

    /// GetRegionsOfInterest, for a region of the output.
    fn regions_needed(&self, _instance: &Instance<'_>, _data: &Self::Data, _at: At, _region: RectD) -> Result<Option<RegionsNeeded>> {
        Ok(None)
    }

    /// GetFramesNeeded.
    fn frames_needed(&self, _instance: &Instance<'_>, _data: &Self::Data, _time: f64) -> Result<Option<FramesNeeded>> {
        Ok(None)
    }

    /// GetTimeDomain.
    fn time_domain(&self, _instance: &Instance<'_>, _data: &Self::Data) -> Result<Option<Range>> {
        Ok(None)
    }

    /// IsIdentity.
    fn identity(&self, _instance: &Instance<'_>, _data: &Self::Data, _at: At) -> Result<Option<Identity>> {
        Ok(None)
    }

    /// GetClipPreferences.
    fn clip_preferences(&self, _instance: &Instance<'_>, _data: &Self::Data) -> Result<Option<ClipPreferences>> {
        Ok(None)
    }

    /// GetOutputColourspace (1.5): the name of the output's encoding, `wishes` being what the host would like, best first.
    fn output_colourspace(&self, _instance: &Instance<'_>, _data: &Self::Data, _wishes: &[String]) -> Result<Option<String>> {
        Ok(None)
    }

    /// BeginSequenceRender. Some hosts send it for every frame: it is no job boundary.
    fn begin_sequence(&self, _instance: &Instance<'_>, _data: &Self::Data, _sequence: &Sequence) -> Result<()> {
        Ok(())
    }

    /// EndSequenceRender.
    fn end_sequence(&self, _instance: &Instance<'_>, _data: &Self::Data, _sequence: &Sequence) -> Result<()> {
        Ok(())
    }

    /// Render.
    fn render(&self, instance: &Instance<'_>, data: &Self::Data, args: &mut RenderArgs<'_>) -> Result<()>;
}
