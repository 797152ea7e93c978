//! What the draft refuses.

use shot::{Code, Fault, Size, Task};

/// Why the draft cannot make a shot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The context of a task lacks frames.
    #[error("to {} a shot, Pickup needs {needed}, and there is none", task.word())]
    Missing {
        /// What was asked.
        task: Task,
        /// What it needs.
        needed: &'static str,
    },
    /// A frame of the context has another size than the others.
    #[error("frame {index} of the {side} is {got} pixels, the others are {expected}")]
    Size {
        /// Which side.
        side: &'static str,
        /// Which of its frames.
        index: usize,
        /// The size of the request.
        expected: Size,
        /// The size it has.
        got: Size,
    },
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        let (code, remedy) = match &error {
            Error::Missing { task: Task::Retime { .. }, .. } => (Code::Argument, "give a clip with at least one frame"),
            Error::Missing { .. } => (Code::Argument, "give at least one frame of the shot before the hole and one of the shot after it"),
            Error::Size { .. } => (Code::Input, "bring all frames to the size of the timeline first"),
        };
        Self::new(code, error.to_string(), remedy)
    }
}
