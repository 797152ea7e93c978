//! Guidance: the estimate is moved away from what the model says with less to go by. Each modality has its own numbers.
//!
//! Rule and numbers: Lightricks/LTX-2, `components/guiders.py` and `utils/constants.py`. Classifier-free guidance is Ho and
//! Salimans' (2022), the skipped attention Hyung et al.'s spatiotemporal skip guidance (2024), the rescaling Lin et al.'s (2023,
//! section 3.4).

use super::Pair;
use super::model::Prompts;
use crate::checkpoint::Generation;
use crate::conditioning::State;
use crate::error::{Error, Result};
use crate::transformer::Perturbation;

/// How strongly one modality is guided.
#[derive(Clone, Debug, PartialEq)]
pub struct Guidance {
    /// Away from the negative prompt; 1 is off.
    pub text: f32,
    /// Away from what self-attention adds in some blocks; 0 is off.
    pub skip: f32,
    /// Those blocks.
    pub blocks: Vec<usize>,
    /// Away from what the modality would be without the other; 1 is off.
    pub modality: f32,
    /// How far the guided estimate is brought back to the spread of the unguided one, 0 to 1.
    pub rescale: f32,
}

impl Guidance {
    /// None: what the distilled models want.
    pub const OFF: Self = Self { text: 1.0, skip: 0.0, blocks: Vec::new(), modality: 1.0, rescale: 0.0 };

    /// The authors' numbers for the undistilled model.
    pub fn of(generation: Generation) -> Pair<Self> {
        let block = if generation >= Generation::V2_3 { 28 } else { 29 };
        let video = Self { text: 3.0, skip: 1.0, blocks: vec![block], modality: 3.0, rescale: 0.7 };
        Pair { sound: Self { text: 7.0, ..video.clone() }, video }
    }

    /// Their numbers for the second-order sampler.
    pub fn fine() -> Pair<Self> {
        let video = Self { text: 3.0, skip: 0.0, blocks: Vec::new(), modality: 3.0, rescale: 0.45 };
        Pair { sound: Self { text: 7.0, rescale: 1.0, ..video.clone() }, video }
    }

    fn by_text(&self) -> bool {
        self.text != 1.0
    }

    fn by_skipping(&self) -> bool {
        self.skip != 0.0 && !self.blocks.is_empty()
    }

    fn by_modality(&self) -> bool {
        self.modality != 1.0
    }

    fn check(&self) -> Result<()> {
        let numbers = [self.text, self.skip, self.modality, self.rescale];
        if numbers.iter().all(|n| n.is_finite()) && (0.0..=1.0).contains(&self.rescale) {
            return Ok(());
        }
        Err(Error::Unfit(format!("guidance of {numbers:?} (text, skip, modality, rescale 0 to 1) cannot be used")))
    }

    /// The guided estimate of one modality, from the estimates of the passes of a [`Plan`].
    ///
    /// # Panics
    /// When estimates have different lengths.
    pub fn combine(&self, plan: &Plan, estimates: &[Vec<f32>]) -> Vec<f32> {
        let Some(positive) = estimates.first() else { return Vec::new() };
        let mut out = positive.clone();
        for (pass, other) in plan.passes.iter().zip(estimates).skip(1) {
            let weight = match pass.kind {
                Kind::Positive => 0.0,
                Kind::Negative => self.text - 1.0,
                Kind::Perturbed => {
                    if self.by_skipping() {
                        self.skip
                    } else {
                        0.0
                    }
                }
                Kind::Isolated => self.modality - 1.0,
            };
            if weight != 0.0 {
                assert_eq!(other.len(), out.len());
                out.iter_mut().zip(positive).zip(other).for_each(|((out, c), u)| *out += weight * (c - u));
            }
        }
        let spread = deviation(&out);
        if self.rescale != 0.0 && spread > 0.0 {
            let factor = self.rescale * (deviation(positive) / spread) as f32 + (1.0 - self.rescale);
            out.iter_mut().for_each(|v| *v *= factor);
        }
        out
    }
}

/// The standard deviation of all values.
fn deviation(values: &[f32]) -> f64 {
    let n = values.len() as f64;
    let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (f64::from(*v) - mean) * (f64::from(*v) - mean)).sum();
    (squares / (n - 1.0).max(1.0)).sqrt()
}

/// What a pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The prompt, nothing left out.
    Positive,
    /// The negative prompt.
    Negative,
    /// Self-attention left out in some blocks.
    Perturbed,
    /// Picture and sound apart.
    Isolated,
}

/// One pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pass {
    /// What it is for.
    pub kind: Kind,
    /// What is left out of it.
    pub perturbation: Perturbation,
}

/// The passes of a step; the positive one first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order in which they are asked.
    pub passes: Vec<Pass>,
}

impl Plan {
    /// The passes that change something: none for what is off, none for a modality that is given as it is.
    pub fn new(guidance: &Pair<Guidance>, states: Pair<&State>, prompts: &Prompts) -> Result<Self> {
        guidance.as_ref().map(Guidance::check).both()?;
        let wanted = guidance.as_ref().zip(states).map(|(guidance, state)| (!state.frozen).then_some(guidance));
        let any = |on: fn(&Guidance) -> bool| [wanted.video, wanted.sound].into_iter().flatten().any(on);
        let mut passes = vec![Pass { kind: Kind::Positive, perturbation: Perturbation::default() }];
        if any(Guidance::by_text) {
            if prompts.negative.is_none() {
                return Err(Error::Unfit("guidance by text needs a negative prompt, which may be empty".into()));
            }
            passes.push(Pass { kind: Kind::Negative, perturbation: Perturbation::default() });
        }
        if any(Guidance::by_skipping) {
            let blocks =
                |g: Option<&Guidance>| g.filter(|g| g.by_skipping()).map(|g| g.blocks.iter().copied().collect()).unwrap_or_default();
            passes.push(Pass {
                kind: Kind::Perturbed,
                perturbation: Perturbation { video: blocks(wanted.video), audio: blocks(wanted.sound), isolated: false },
            });
        }
        if any(Guidance::by_modality) {
            passes.push(Pass { kind: Kind::Isolated, perturbation: Perturbation::isolate() });
        }
        Ok(Self { passes })
    }
}
