//! What can go wrong with a checkpoint or in a model, with the facts that make a remedy possible.

use std::path::PathBuf;

use shot::{Code, Fault};

/// What a call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every way in which the model can fail.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be read.
    #[error("{} cannot be read ({source})", path.display())]
    Read {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("{} cannot be written ({source})", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what its name says, is cut off, or its header lies.
    #[error("{} is not a whole checkpoint: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// A clause.
        why: String,
    },
    /// A tensor that the model needs is in none of the files.
    #[error("the tensor {name} is missing from {files}")]
    MissingTensor {
        /// Its full name.
        name: String,
        /// The files that were searched.
        files: String,
    },
    /// None of the files holds a part of the model.
    #[error("the {part} is in none of the files given ({files})")]
    MissingPart {
        /// Which part.
        part: &'static str,
        /// The files that were searched.
        files: String,
    },
    /// Two files hold the same part of the model.
    #[error("the {part} is in both {first} and {second}")]
    Ambiguous {
        /// Which part.
        part: &'static str,
        /// One of them.
        first: String,
        /// The other.
        second: String,
    },
    /// A tensor has another shape than the configuration says.
    #[error("the tensor {name} of {file} has the shape {got:?}, the configuration says {expected:?}")]
    Shape {
        /// Its full name.
        name: String,
        /// The file it is in.
        file: String,
        /// What the configuration says.
        expected: Vec<usize>,
        /// What the file holds.
        got: Vec<usize>,
    },
    /// A tensor is stored in a form that is not understood.
    #[error("the tensor {name} of {file} is stored as {dtype}, which cannot be read here")]
    Dtype {
        /// Its full name.
        name: String,
        /// The file it is in.
        file: String,
        /// The form.
        dtype: String,
    },
    /// The checkpoint's description of itself is missing a value or holds one that makes no model.
    #[error("the configuration of {file} makes no model: {why}")]
    Config {
        /// The file.
        file: String,
        /// Section, key and value.
        why: String,
    },
    /// Files of different generations were put together.
    #[error("{file} is of generation {got}, the transformer is of {expected}")]
    Generation {
        /// The file that does not fit.
        file: String,
        /// The transformer's generation.
        expected: String,
        /// The file's.
        got: String,
    },
    /// A step of the arithmetic failed: shapes, memory, the device.
    #[error("{stage}: {source}")]
    Tensor {
        /// Where in the model.
        stage: &'static str,
        /// What candle said.
        source: candle_core::Error,
    },
    /// What was asked cannot be done by this model.
    #[error("{0}")]
    Unfit(String),
    /// What came out is no picture or no sound.
    #[error("{0}")]
    Broken(String),
    /// The job was stopped.
    #[error("stopped before it was finished")]
    Cancelled,
    /// The one who is given the result refused it.
    #[error("{0}")]
    Sink(Fault),
}

/// Names the stage in which a tensor operation failed.
pub trait Stage<T> {
    /// The error with its place in the model.
    fn stage(self, stage: &'static str) -> Result<T>;
}

impl<T> Stage<T> for candle_core::Result<T> {
    fn stage(self, stage: &'static str) -> Result<T> {
        self.map_err(|source| Error::Tensor { stage, source })
    }
}

impl From<candle_core::Error> for Error {
    fn from(source: candle_core::Error) -> Self {
        Self::Tensor { stage: "model", source }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Sink(fault)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, remedy) = match &error {
            Error::Read { .. } => (Code::Input, "check the path and that your user may read it"),
            Error::Write { .. } => (Code::Output, "check that there is room and that your user may write there"),
            Error::Damaged { .. } => (Code::Input, "download the file again and check its size"),
            Error::MissingTensor { .. } | Error::MissingPart { .. } | Error::Shape { .. } => {
                (Code::Input, "put together files of one release: transformer, text encoder, VAE and sound VAE")
            }
            Error::Ambiguous { .. } => (Code::Input, "name the one file that you want, besides the folder or instead of it"),
            Error::Dtype { .. } => (Code::Unsupported, "use the bf16, fp8 or GGUF form of the checkpoint"),
            Error::Config { .. } => (Code::Input, "use the checkpoint as it was published, with its metadata"),
            Error::Generation { .. } => (Code::Input, "use files of one generation: 2.3 and 2.5 cannot be mixed"),
            Error::Tensor { .. } => (Code::Engine, "try a smaller size or fewer frames; report it if it stays so"),
            Error::Unfit(_) => (Code::Argument, "change the request accordingly"),
            Error::Broken(_) => (Code::Engine, "try another seed; if it stays so, verify the weights with `pickup weights verify`"),
            Error::Cancelled => return Self::cancelled(),
            Error::Sink(fault) => return fault.clone(),
        };
        Self::new(code, error.to_string(), remedy)
    }
}
