//! Which weights are in memory while a step runs. They lie in the mapped file; with a budget, a block's pages are let go after it
//! was used, and the next block is read from the disk meanwhile.

use std::sync::mpsc;

use crate::checkpoint::file::{Entry, Mapped};
use crate::error::Result;

/// How much of the model stays in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Residence {
    /// What was read stays mapped for as long as the system has room.
    #[default]
    Mapped,
    /// At most this many bytes, where the model allows it: blocks are read again in every step.
    Budget(usize),
}

/// The blocks' places in their files.
#[derive(Debug)]
pub struct Reader {
    blocks: Vec<Vec<(Mapped, Entry)>>,
    streams: bool,
}

impl Reader {
    /// For blocks made of these tensors, in order of use.
    pub fn new(blocks: Vec<Vec<(Mapped, Entry)>>, residence: Residence) -> Self {
        let bytes: usize = blocks.iter().flatten().map(|(file, entry)| file.bytes(entry).len()).sum();
        // Half for the weights: the other half is for what is computed.
        let streams = matches!(residence, Residence::Budget(budget) if bytes > budget / 2);
        Self { blocks, streams }
    }

    /// Whether blocks are let go after use.
    pub fn streams(&self) -> bool {
        self.streams
    }

    /// Calls `f` with every block's number; while it works, the next block is read.
    pub fn each(&self, mut f: impl FnMut(usize) -> Result<()>) -> Result<()> {
        if !self.streams {
            return (0..self.blocks.len()).try_for_each(f);
        }
        std::thread::scope(|scope| {
            let (ask, asked) = mpsc::channel::<usize>();
            scope.spawn(move || {
                for (file, entry) in asked.into_iter().filter_map(|i| self.blocks.get(i)).flatten() {
                    file.will_need(entry);
                }
            });
            for (i, block) in self.blocks.iter().enumerate() {
                // A reader that is gone costs time only: the pages come when they are touched.
                let _ = ask.send(i + 1);
                f(i)?;
                block.iter().for_each(|(file, entry)| file.done_with(entry));
            }
            Ok(())
        })
    }
}
