//! Where things are in the workspace, and reading and writing them with errors that name the file.

use std::path::{Path, PathBuf};

/// What every chore returns; the error is one printable sentence fragment.
pub(crate) type Result<T> = std::result::Result<T, String>;

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Reads a text file; `path` is relative to the root or absolute.
pub(crate) fn read(path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    std::fs::read_to_string(root().join(path)).map_err(|e| format!("{}: {e}", path.display()))
}

/// Writes a text file, making its folder first.
pub(crate) fn write(path: impl AsRef<Path>, text: &str) -> Result<()> {
    let path = path.as_ref();
    let full = root().join(path);
    if let Some(folder) = full.parent() {
        std::fs::create_dir_all(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    std::fs::write(&full, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The files of a folder with this extension, sorted by name; paths relative to the root.
pub(crate) fn list(folder: &str, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(root().join(folder)).map_err(|e| format!("{folder}: {e}"))?;
    let mut paths = Vec::new();
    for entry in entries {
        let name = entry.map_err(|e| format!("{folder}: {e}"))?.file_name();
        let path = Path::new(folder).join(name);
        if path.extension().is_some_and(|e| e == extension) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
