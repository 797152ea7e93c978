//! What single hosts do otherwise than OpenFX says: the one place where a host's name decides anything.
//!
//! Each row says which host, which versions, what, how that is known and since when. To see whether a row is still needed,
//! remove it and run the bundle in that host.
//!
//! What can be done right for every host alike has no row. So, because of one host each: parameters are hidden when an instance
//! is made and not in the description (Nuke keeps that for ever); a message that stays is cleared at the next change (Nuke
//! renders nothing before that); the scale of an image is that of the render, not what the image says (Fusion and Vegas say it
//! wrongly, Resolve not at all); numbers have both ranges (Resolve clamps others to ±1); CreateInstance always answers OK
//! (Resolve shows no controls otherwise); strings handed over live as long as the library; nothing is begun at
//! BeginSequenceRender (Natron sends it for every frame).

/// A way of being otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Ends the process when asked for the message suite's second version.
    AbortsOnMessageV2,
    /// Answers OK to a fetch at another time and hands over the current frame, whatever the clip's property says.
    FetchesOnlyTheCurrentFrame,
    /// Never sends InstanceChanged: there are no buttons, and nothing can be set.
    NeverSendsInstanceChanged,
    /// Regions of definition are pixels at the current scale, not canonical.
    RegionOfDefinitionInPixels,
    /// Takes no notice of a render that fails: the source's pixels go out as if they were the effect's.
    IgnoresRenderFailure,
    /// Hands effects scene-linear pixels unless its user set it up otherwise.
    WorksInLinearLight,
}

impl What {
    /// The same for people, as docs/host-quirks.md has it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::AbortsOnMessageV2 => "ends its process when asked for the message suite's second version",
            Self::FetchesOnlyTheCurrentFrame => "hands over the current frame whichever is asked for",
            Self::NeverSendsInstanceChanged => "has no buttons, and never says that a parameter changed",
            Self::RegionOfDefinitionInPixels => "counts regions of definition in pixels of the current scale",
            Self::IgnoresRenderFailure => "takes no notice of a render that fails",
            Self::WorksInLinearLight => "hands effects scene-linear pixels unless its user set it up otherwise",
        }
    }
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Quirk {
    /// How the host's name begins.
    pub host: &'static str,
    /// First version that has it, as the host numbers itself.
    pub from: [i32; 3],
    /// First version that has it no more, if known.
    pub until: Option<[i32; 3]>,
    /// What it does.
    pub what: What,
    /// How that is known: run (seen), source (read), vendor (told by the vendor or its users).
    pub source: &'static str,
    /// When that was last looked at.
    pub date: &'static str,
}

const ANY: [i32; 3] = [0, 0, 0];

const fn row(host: &'static str, what: What, source: &'static str, date: &'static str) -> Quirk {
    Quirk { host, from: ANY, until: None, what, source, date }
}

/// Every quirk that changes what this crate or the effect does.
pub const TABLE: [Quirk; 7] = [
    row("openfx-driver", What::AbortsOnMessageV2, "run: openfx-runner, so named, asserts version 1", "2026-11"),
    row("MLT", What::FetchesOnlyTheCurrentFrame, "run: clipGetImage(t±5) gives the frame at t, with OK", "2026-11"),
    row("MLT", What::NeverSendsInstanceChanged, "source: mlt_openfx.c calls no such action", "2026-11"),
    row("MLT", What::IgnoresRenderFailure, "run: melt 7.41 writes the source's frames", "2026-11"),
    row("uk.co.thefoundry.nuke", What::WorksInLinearLight, "vendor: the working space is linear", "2026-11"),
    row("fr.inria.Natron", What::WorksInLinearLight, "source: readers convert to linear", "2026-11"),
    row("com.sony.Catalyst.Edit", What::RegionOfDefinitionInPixels, "vendor: RoD in pixels", "2026-11"),
];

/// The quirks of a host of this name and version.
pub fn of(name: &str, version: [i32; 3]) -> Vec<What> {
    TABLE
        .iter()
        .filter(|q| name.starts_with(q.host))
        .filter(|q| version >= q.from && q.until.is_none_or(|end| version < end))
        .map(|q| q.what)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quirk_follows_name_and_version() {
        let mlt = [What::FetchesOnlyTheCurrentFrame, What::NeverSendsInstanceChanged, What::IgnoresRenderFailure];
        assert_eq!(of("MLT", [7, 33, 0]), mlt);
        assert_eq!(of("openfx-driver", ANY), [What::AbortsOnMessageV2]);
        assert_eq!(of("", ANY), [], "a host that tells no name");
        assert_eq!(of("com.example.New", [1, 0, 0]), []);
        assert_eq!(of("uk.co.thefoundry.nukestudio", [15, 0, 0]), [What::WorksInLinearLight], "by the beginning of its name");
    }

    #[test]
    fn every_row_says_how_it_is_known() {
        for q in TABLE {
            assert!(["run: ", "source: ", "vendor: "].iter().any(|s| q.source.starts_with(s)), "{q:?}");
            assert!(q.date.len() == 7 && q.date.starts_with("20"), "{q:?}");
        }
    }
}
