//! Files that parameters name: found on this system, opened, understood.

use std::path::PathBuf;

use shot::{Code, ContextFile, Fault};

use crate::capture::Format;
use crate::paths::Paths;

/// A file that can be opened, by what a parameter holds; `what` names it to the editor.
pub fn readable(paths: &Paths, text: &str, what: &str) -> Result<PathBuf, Fault> {
    let path = paths.file(text, what)?;
    match std::fs::File::open(&path) {
        Ok(_) => Ok(path),
        Err(e) => Err(Fault::new(Code::Input, format!("{what} {} cannot be read ({e})", path.display()), "choose a file that is there")),
    }
}

/// Reads the context file that a parameter names; `None` where it names none.
pub fn context(paths: &Paths, text: &str) -> Result<Option<ContextFile>, Fault> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let path = readable(paths, text, "the context file")?;
    let content = std::fs::read_to_string(&path).map_err(|e| {
        let what = format!("the context file {} cannot be read ({e})", path.display());
        Fault::new(Code::Input, what, "have the timeline script write it again")
    })?;
    ContextFile::parse(&content, &path).map(Some)
}

/// The shape of the shot, where a context file has one.
pub fn format(file: &ContextFile) -> Option<Format> {
    let (size, pixel_aspect) = (file.size?, file.pixel_aspect.unwrap_or(1.0));
    let region = host_sys::RectD::new(0.0, 0.0, f64::from(size.width) * pixel_aspect, f64::from(size.height));
    Some(Format { region, size, pixel_aspect, rate: file.rate })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use shot::Size;

    use super::*;

    #[test]
    fn a_context_file_is_read_where_a_parameter_names_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("context.json");
        let (name, paths) = (path.to_str().unwrap(), Paths::default());
        assert!(context(&paths, "  ").unwrap().is_none());
        assert_eq!(context(&paths, "context.json").unwrap_err().code, Code::Argument);
        assert_eq!(context(&paths, name).unwrap_err().code, Code::Input);
        std::fs::write(&path, r#"{"version":1,"rate":"25","size":{"width":64,"height":36},"pixel_aspect":2.0}"#).unwrap();
        let format = format(&context(&paths, name).unwrap().unwrap()).unwrap();
        assert_eq!((format.size, format.region.x2), (Size::new(64, 36), 128.0));
    }
}
