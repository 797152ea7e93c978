//! From pictures to a latent, as a stream in time: no frame of the latent looks ahead.

use candle_core::Tensor;

use crate::checkpoint::{Checkpoint, Part, Place};
use crate::error::{Error, Result, Stage as _};
use crate::ops::conv3d::Packing;
use crate::ops::frame::Frame;
use crate::ops::shuffle::patchify;
use crate::ops::slices;
use crate::video::config::{Config, HalfConfig, Scale};
use crate::video::layer::{self, Layer, Loading, Padding};
use crate::video::statistics::Statistics;
use crate::video::stream::{Stage, flow, together};

/// The encoder.
#[derive(Debug)]
pub struct Encoder {
    config: HalfConfig,
    channels: usize,
    patch: usize,
    colours: usize,
    statistics: Statistics,
    layers: Vec<Layer>,
}

impl Encoder {
    /// From the checkpoint's video VAE. It works on the CPU.
    pub fn load(checkpoint: &Checkpoint) -> Result<Self> {
        let (weights, section) = checkpoint.part(Part::VideoVae, &Place::default())?;
        let config = Config::read(&section)?;
        let half = config.encoder.clone().ok_or_else(|| section.wrong("it describes no encoder (encoder_blocks)"))?;
        let loading = Loading {
            weights: &weights.at("encoder"),
            list: "down_blocks",
            inputs: config.colours * config.patch * config.patch,
            outputs: config.latent_channels + config.variances,
            // Handles are short: packing would take as long as the first use.
            packing: Packing::AtUse,
            time: None,
        };
        Ok(Self {
            layers: layer::load(&half, loading)?,
            config: half,
            channels: config.latent_channels,
            patch: config.patch,
            colours: config.colours,
            statistics: Statistics::load(&weights, config.latent_channels)?,
        })
    }

    /// Pictures for a latent frame, pixels for a latent pixel.
    pub fn scale(&self) -> Scale {
        self.config.scale
    }

    /// The statistics of its latents.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }

    /// Encodes pictures `[frames, height, width, 3]` of −1..1 to a normalised latent `[frames, height, width, channels]`.
    ///
    /// # Errors
    /// [`Error::Unfit`] where frames are not 1 more than a multiple of the time scale, or rows and columns no multiple of the scale in
    /// space; [`Error::Cancelled`] once `cancel` says so.
    pub fn encode(&self, pictures: &Tensor, cancel: &dyn Fn() -> bool) -> Result<Tensor> {
        let (frames, height, width, colours) = pictures.dims4().stage("video encoder")?;
        if colours != self.colours {
            return Err(Error::Unfit(format!(
                "the video encoder takes pictures of {} colours, these are {:?}",
                self.colours,
                pictures.dims()
            )));
        }
        let pictures = pictures.to_device(&candle_core::Device::Cpu).stage("video encoder")?;
        let size = height * width * colours;
        slices::with(&pictures, |values| {
            let mut give = |frame: usize, out: &mut [f32]| {
                out.copy_from_slice(&values[frame * size..(frame + 1) * size]);
                Ok(())
            };
            self.encode_from([frames, height, width], &mut give, cancel)
        })?
    }

    /// The same of pictures that are asked for one by one, in order of time: `give` fills in the values of one of them. Only a few
    /// pictures are in memory at a time.
    pub fn encode_from(
        &self,
        [frames, height, width]: [usize; 3],
        give: &mut dyn FnMut(usize, &mut [f32]) -> Result<()>,
        cancel: &dyn Fn() -> bool,
    ) -> Result<Tensor> {
        let Scale { time, space } = self.scale();
        let fits = height > 0 && width > 0 && height.is_multiple_of(space) && width.is_multiple_of(space);
        let Some(latents) = self.scale().latents(frames).filter(|_| fits) else {
            return Err(Error::Unfit(format!(
                "the video encoder takes {time}·k+1 pictures with sides of multiples of {space} pixels, these are {frames} of {width}×{height}"
            )));
        };
        let padding = Padding { edge: self.config.edge, causal: self.config.causal };
        let mut stages: Vec<Box<dyn Stage + '_>> = self.layers.iter().map(|l| l.start(padding)).collect();
        let (means, deviations) = self.statistics.values();
        let mut values: Vec<f32> = Vec::with_capacity(latents * (height / space) * (width / space) * self.channels);
        let mut sink = |frames: Vec<Frame>| {
            for frame in frames {
                // What follows the means are variances, which nobody asks for.
                for pixel in frame.data.chunks_exact(frame.channels) {
                    values.extend(pixel.iter().zip(means.iter().zip(deviations)).map(|(v, (m, d))| (v - m) / d));
                }
            }
            Ok(())
        };
        let chunk = together(height * width / (self.patch * self.patch));
        for start in (0..frames).step_by(chunk) {
            let patches = (start..frames.min(start + chunk))
                .map(|frame| {
                    let mut values = vec![0.0; height * width * self.colours];
                    give(frame, &mut values)?;
                    Ok(patchify(&Frame::new(height, width, self.colours, values), self.patch))
                })
                .collect::<Result<_>>()?;
            flow(&mut stages, patches, start + chunk >= frames, cancel, &mut sink)?;
        }
        slices::tensor(values, (latents, height / space, width / space, self.channels))
    }
}
