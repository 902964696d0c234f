//! Debian's packages of any release, from the mirror this machine's own packages come from. Nothing is installed.

use crate::files::Result;
use crate::suite::{folder, must};
use std::path::{Path, PathBuf};
use std::process::Command;

/// apt under a configuration of its own: the machine's is not touched.
pub(crate) struct Apt {
    folder: PathBuf,
    configuration: PathBuf,
}

impl Apt {
    /// For one kind of packages (`deb` or `deb-src`) of one release.
    pub(crate) fn configured(apt: &Path, kind: &str, release: &str) -> Result<Apt> {
        folder(&apt.join("lists/partial"))?;
        folder(&apt.join("archives/partial"))?;
        write(&apt.join("status"), "")?;
        let list = apt.join("sources.list");
        write(&list, &format!("{kind} {} {release} main\n", mirror()?))?;
        let configuration = apt.join("apt.conf");
        write(
            &configuration,
            &format!(
                "Dir::State::lists \"{0}/lists\";\nDir::Cache::archives \"{0}/archives\";\n\
                 Dir::Cache::pkgcache \"\";\nDir::Cache::srcpkgcache \"\";\n\
                 Dir::Etc::sourcelist \"{0}/sources.list\";\nDir::Etc::sourceparts \"-\";\n",
                apt.display()
            ),
        )?;
        Ok(Apt { folder: apt.to_path_buf(), configuration })
    }

    /// Runs apt-get; what it downloads comes into the folder.
    pub(crate) fn get(&self, args: &[&str]) -> Result<()> {
        self.run("apt-get", args).map(drop)
    }

    fn run(&self, program: &str, args: &[&str]) -> Result<Vec<u8>> {
        let mut apt = Command::new(program);
        must(apt.env("APT_CONFIG", &self.configuration).current_dir(&self.folder).args(args))
    }

    /// The name of the one package that a package without files of its own stands for: it depends on it, and both
    /// names begin and end alike (`golang-go` on `golang-1.24-go`).
    pub(crate) fn stands_for(&self, package: &str) -> Result<String> {
        let text = self.run("apt-cache", &["-q", "depends", package])?;
        let (start, end) = package.split_once('-').ok_or_else(|| format!("{package}: a name of one part"))?;
        let depends = String::from_utf8_lossy(&text);
        let mut names = depends.lines().filter_map(|line| line.trim().strip_prefix("Depends: "));
        names
            .find(|name| name.starts_with(&format!("{start}-")) && name.ends_with(&format!("-{end}")))
            .map(str::to_string)
            .ok_or_else(|| format!("{package} depends on no package whose name is like its own"))
    }

    /// Downloads packages, not what they depend on, unpacks them below `tree`, and returns the version of each.
    pub(crate) fn unpack(&self, packages: &[&str], tree: &Path) -> Result<Vec<String>> {
        self.get(&[&["-qq", "download"], packages].concat())?;
        let files = self.files("deb")?;
        let mut versions = Vec::new();
        for package in packages {
            // NAME_VERSION_ARCH.deb
            let of = |file: &&PathBuf| parts(file).is_some_and(|(name, _)| name == *package);
            let file = files.iter().find(of).ok_or_else(|| format!("no file of {package} came"))?;
            must(Command::new("dpkg-deb").arg("-x").arg(file).arg(tree))?;
            versions.extend(parts(file).map(|(_, version)| version.replace("%3a", ":")));
        }
        Ok(versions)
    }

    /// What has come, of files whose name ends so.
    pub(crate) fn files(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let files = std::fs::read_dir(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let paths = files.filter_map(|f| f.ok().map(|f| f.path()));
        Ok(paths.filter(|p| p.extension().is_some_and(|e| e == extension)).collect())
    }
}

/// The name and the version in a package's file name.
fn parts(file: &Path) -> Option<(&str, &str)> {
    let mut parts = file.file_name()?.to_str()?.split('_');
    Some((parts.next()?, parts.next()?))
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|e| format!("{}: {e}", path.display()))
}

/// The mirror of the first entry in this machine's list of sources.
fn mirror() -> Result<String> {
    let mut lists =
        vec![PathBuf::from("/etc/apt/sources.list.d/debian.sources"), PathBuf::from("/etc/apt/sources.list")];
    lists.retain(|l| l.exists());
    for list in lists {
        let text = std::fs::read_to_string(&list).map_err(|e| format!("{}: {e}", list.display()))?;
        let found = text.lines().find_map(|line| match line.split_once(char::is_whitespace)? {
            ("URIs:", rest) => rest.split_whitespace().next(),
            ("deb", rest) => rest.split_whitespace().find(|w| w.contains("://")),
            _ => None,
        });
        if let Some(found) = found {
            return Ok(found.to_string());
        }
    }
    Err("this machine has no Debian mirror in /etc/apt".into())
}
