//! The model behind the ltx engine: checkpoint, LoRAs, device and memory.

use std::path::PathBuf;

use clap::Args;

/// The model behind the ltx engine.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Options of the ltx engine")]
pub struct Model {
    /// A checkpoint: a name of `pickup weights list`, or a folder or file of one; chooses the ltx engine
    #[arg(long, value_name = "NAME|FOLDER")]
    pub weights: Option<String>,
    /// A LoRA for it, FILE or FILE:STRENGTH; may be given again
    #[arg(long, value_name = "FILE[:X]")]
    pub lora: Vec<Lora>,
    /// What does the arithmetic: auto, cpu, cuda or cuda:N
    #[arg(long, value_name = "NAME", default_value = "auto")]
    pub device: Device,
    /// Most memory it may take, such as 12GiB
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Memory>,
}

/// A LoRA and how strongly it acts.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    /// The file.
    pub path: PathBuf,
    /// 1 as it was trained.
    pub strength: f32,
}

impl std::str::FromStr for Lora {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, strength) = match text.rsplit_once(':') {
            Some((path, x)) if x.parse::<f32>().is_ok() => (path, x.parse().unwrap_or(1.0)),
            _ => (text, 1.0),
        };
        if path.is_empty() || !(-4.0..=4.0).contains(&strength) {
            return Err("give a file, and if need be a strength from -4 to 4 after a colon".to_owned());
        }
        Ok(Self { path: path.into(), strength })
    }
}

/// What does the arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The best that is there.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA card by its number.
    Cuda(u32),
}

impl std::str::FromStr for Device {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Cpu,
            "cuda" => Self::Cuda(0),
            other => {
                let number = other.strip_prefix("cuda:").and_then(|n| n.parse().ok());
                Self::Cuda(number.ok_or_else(|| format!("'{other}' is not a device: use auto, cpu, cuda or cuda:N"))?)
            }
        })
    }
}

/// A number of bytes with its unit, if any: `12GiB`, `800 MB`, `1.5g`. `None` for anything else.
pub fn bytes(text: &str) -> Option<f64> {
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("k", 1 << 10),
        ("m", 1 << 20),
        ("g", 1 << 30),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS.iter().find_map(|(name, unit)| Some((lower.strip_suffix(name)?, *unit))).unwrap_or((&lower, 1));
    let number: f64 = number.trim().parse().ok()?;
    Some(number * unit as f64).filter(|bytes| bytes.is_finite())
}

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory(pub u64);

impl std::str::FromStr for Memory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is not an amount of memory: write it as 12GiB or 800MiB");
        bytes(text).filter(|bytes| (1e6..1e15).contains(bytes)).map(|bytes| Self(bytes as u64)).ok_or_else(bad)
    }
}
