//! context.json, as a timeline script or a hand wrote it, read when Generate is pressed.

use std::path::{Path, PathBuf};

use test_host::{Context, Host, Instance, Plugin, Quirks, Setup};

use super::Target;
use super::plugin::{judge, load};

/// See the module.
pub struct ContextFiles {
    host: Host,
    _plugin: Plugin,
    instance: Instance,
    file: PathBuf,
}

impl ContextFiles {
    /// One instance serves all inputs: the file is read anew at each press.
    pub fn new(scratch: &Path) -> Self {
        let file = scratch.join("context.json");
        let (host, plugin) = load(Quirks { watches: false, ..Quirks::default() });
        plugin.meet().expect("the effect describes itself");
        let setup = Setup::sized(Context::General, 24.0, 16.0).with("takesFolder", scratch.join("takes").as_path());
        let instance = plugin.create(Context::General, &setup.with("contextFile", file.as_path())).expect("an instance");
        Self { host, _plugin: plugin, instance, file }
    }
}

impl Target for ContextFiles {
    fn seeds(&self) -> Vec<Vec<u8>> {
        let whole = r#"{"version":1,"rate":"24000/1001","timecode":"01:00:00:00","size":{"width":64,"height":36},"pixel_aspect":1.0926,
            "tail":{"frames":"tail.%06d.exr","sound":"tail.wav"},"head":{"frames":"/abs/head.%06d.exr"},"like":["a.exr"],
            "colour":"aces-cg","stage":"camera-log"}"#;
        [whole, r#"{"version":1,"rate":"24"}"#, "{}", "[1]", ""].map(|t| t.as_bytes().to_vec()).to_vec()
    }

    fn words(&self) -> &'static [&'static str] {
        &[
            "\"rate\":",
            "\"0/1\"",
            "\"1/0\"",
            "\"4294967295/1\"",
            "\"30000/1001\"",
            "\"timecode\":\"01:00:00;00\"",
            "\"99:99:99:99\"",
            "\"size\":",
            "{\"width\":0,\"height\":1}",
            "{\"width\":4294967295,\"height\":4294967295}",
            "\"pixel_aspect\":-1",
            "\"tail\":",
            "\"head\":",
            "\"frames\":\"../../x\"",
            "\"sound\":\"\"",
            "\"like\":[",
            "\"colour\":\"nonsense\"",
            "\"stage\":",
            "\"version\":2",
            "\\u0000",
            "\\ud800",
        ]
    }

    fn run(&mut self, input: &[u8]) -> String {
        std::fs::write(&self.file, input).expect("the context file can be written");
        let answer = self.instance.press("generate");
        let status = self.instance.text("status");
        self.instance.press("cancel");
        assert!(answer.is_good(), "Generate answered {answer}");
        judge(&self.host);
        status.replace(&*self.file.to_string_lossy(), "").chars().take(160).collect()
    }
}
