//! Whether two shots are of one set-up: the same camera position, as far as a cut can tell.

use serde_json::Value;

use crate::hole::Neighbour;

/// Deepest metadata that is looked into.
const DEEP: usize = 8;

/// Why both sides of a hole are of one set-up; `None` when they are not, or nothing says so.
pub(crate) fn same(tail: &Neighbour, head: &Neighbour) -> Option<String> {
    if tail.clip.path == head.clip.path {
        let name = tail.clip.path.file_name().unwrap_or_default().to_string_lossy();
        return Some(format!("both sides come from {name}"));
    }
    let facts = |n: &Neighbour| Facts::of(&n.metadata);
    let (a, b) = (facts(tail), facts(head));
    let agree = |x: &Option<String>, y: &Option<String>| x.is_none() || y.is_none() || x == y;
    match (&a.scene, &b.scene) {
        // Slates number set-ups by a letter behind the scene (12, 12A, 12B); a second camera is another position.
        (Some(x), Some(y)) if x == y && agree(&a.camera, &b.camera) && agree(&a.reel, &b.reel) => {
            Some(format!("both sides are of scene {x}"))
        }
        (None, None) if a.reel.is_some() && a.reel == b.reel => Some(format!("both sides are of reel {}", a.reel.unwrap_or_default())),
        _ => None,
    }
}

/// What metadata tells of a shot.
#[derive(Default)]
struct Facts {
    scene: Option<String>,
    reel: Option<String>,
    camera: Option<String>,
}

impl Facts {
    fn of(metadata: &Value) -> Self {
        let mut facts = Self::default();
        facts.collect(metadata, 0);
        facts
    }

    /// Hosts hide these keys under names of their own, at any depth; the first of each counts.
    fn collect(&mut self, value: &Value, depth: usize) {
        let Some(map) = value.as_object().filter(|_| depth < DEEP) else { return };
        for (key, value) in map {
            let text = value.as_str().map(str::trim).filter(|t| !t.is_empty()).map(str::to_lowercase);
            let slot = match key.to_ascii_lowercase().replace([' ', '-'], "_").as_str() {
                "scene" => &mut self.scene,
                "reel" | "reel_name" | "tape" | "tape_name" => &mut self.reel,
                "camera" | "camera_id" | "camera_#" | "angle" => &mut self.camera,
                _ => {
                    self.collect(value, depth + 1);
                    continue;
                }
            };
            if slot.is_none() {
                *slot = text;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;
    use shot::ClipRef;

    use super::*;

    fn shot(path: &str, metadata: Value) -> Neighbour {
        Neighbour {
            clip: ClipRef::whole(path),
            name: String::new(),
            track: String::new(),
            touches: true,
            speed: 1.0,
            length: None,
            is_anchored: true,
            metadata,
        }
    }

    #[test]
    fn set_ups_are_told_apart() {
        let is_same = |a: Value, b: Value| same(&shot("/a.mov", a), &shot("/b.mov", b)).is_some();
        assert!(same(&shot("/a.mov", json!({})), &shot("/a.mov", json!({}))).is_some());
        assert!(!is_same(json!({}), json!({})));
        assert!(is_same(json!({"cmx_3600": {"reel": "A001C003"}}), json!({"cmx_3600": {"reel": "a001c003 "}})));
        assert!(!is_same(json!({"reel": "A001"}), json!({"reel": "A002"})));
        assert!(is_same(json!({"Resolve": {"Scene": "12A"}}), json!({"Resolve": {"Scene": "12A", "Take": "3"}})));
        assert!(!is_same(json!({"scene": "12A", "camera": "A"}), json!({"scene": "12A", "camera": "B"})));
        assert!(!is_same(json!({"scene": "12A", "reel": "A001"}), json!({"scene": "12B", "reel": "A001"})));
        assert!(!is_same(json!({"reel": ""}), json!({"reel": ""})));
    }
}
