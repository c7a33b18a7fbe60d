use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::dump::Kind;
use crate::cli::args::Format;
use crate::cli::exit::Failure;
use crate::cli::output;
use crate::cli::whole_file::{self, Readers};

/// Where objects are written.
pub(super) enum Place {
    Stdout,
    File { path: PathBuf, language: Language, is_gzip: bool },
    Folder(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    /// A List.
    Json,
    /// One a line.
    Lines,
    /// One a document.
    Yaml,
}

/// Objects by kind.
type Groups<'a> = [(&'a Kind, Vec<Value>)];

impl Place {
    /// What a path means. Found out before anything is listed.
    pub(super) fn of(path: &Path) -> Result<Self, Failure> {
        let text = path.to_string_lossy();
        if text == "-" {
            return Ok(Self::Stdout);
        }
        if text.ends_with('/') || path.is_dir() {
            return match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
                // A file of an older day would be taken for one of today.
                Ok(false) => Err(Failure::usage(format!(
                    "`{text}` is not empty, and what is in it would be read with the new files; name \
                     another folder, or remove it"
                ))),
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(Failure::Write { path: text.into_owned(), error })
                }
                _ => Ok(Self::Folder(path.to_owned())),
            };
        }
        let (stem, is_gzip) = match text.strip_suffix(".gz") {
            Some(stem) => (stem, true),
            None => (text.as_ref(), false),
        };
        let ending = Path::new(stem).extension().and_then(|ending| ending.to_str());
        let language = match ending {
            Some("json") => Language::Json,
            Some("ndjson" | "jsonl") => Language::Lines,
            Some("yaml" | "yml") => Language::Yaml,
            _ => {
                return Err(Failure::usage(format!(
                    "--out `{text}`: the name of a file ends in .json, .ndjson, .yaml or .yml (and .gz \
                     besides), that of a folder in /"
                )));
            }
        };
        Ok(Self::File { path: path.to_owned(), language, is_gzip })
    }

    /// For people.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File { path, .. } | Self::Folder(path) => format!("`{}`", path.display()),
        }
    }

    /// Writes all of them.
    pub(super) fn write(&self, groups: &Groups<'_>, out: &mut dyn Write) -> Result<(), Failure> {
        match self {
            Self::Stdout => {
                write(groups, Language::Json, out)?;
                // What is still on its way is not saved.
                Ok(out.flush()?)
            }
            Self::File { path, language, is_gzip } => {
                let mut bytes = Vec::new();
                if *is_gzip {
                    let mut encoder = GzEncoder::new(&mut bytes, Compression::default());
                    write(groups, *language, &mut encoder)?;
                    encoder.finish()?;
                } else {
                    write(groups, *language, &mut bytes)?;
                }
                whole_file::replace(path, &bytes, Readers::Anybody)
            }
            Self::Folder(folder) => {
                fs::create_dir_all(folder).map_err(|error| {
                    let path = folder.display().to_string();
                    Failure::Write { path, error }
                })?;
                for group in groups {
                    let mut bytes = Vec::new();
                    write(std::slice::from_ref(group), Language::Json, &mut bytes)?;
                    let path = folder.join(format!("{}.json", group.0.plural));
                    whole_file::write_new(&path, &bytes, Readers::Anybody)?;
                }
                Ok(())
            }
        }
    }
}

fn write(groups: &Groups<'_>, language: Language, out: &mut dyn Write) -> Result<(), Failure> {
    let objects = groups.iter().flat_map(|(_, objects)| objects);
    match language {
        Language::Lines => {
            for object in objects {
                output::line(out, object)?;
            }
        }
        Language::Yaml => {
            for object in objects {
                out.write_all(b"---\n")?;
                output::object(out, Format::Yaml, object)?;
            }
        }
        Language::Json => {
            out.write_all(br#"{"apiVersion":"v1","kind":"List","items":["#)?;
            for (index, object) in objects.enumerate() {
                out.write_all(if index > 0 { b",\n" } else { b"\n" })?;
                serde_json::to_writer(&mut *out, object).map_err(io::Error::from)?;
            }
            out.write_all(b"\n]}\n")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use serde_json::json;

    use super::super::dump;
    use super::*;

    fn refused(path: &Path) -> String {
        match Place::of(path) {
            Err(error) => error.to_string(),
            Ok(place) => panic!("{}", place.name()),
        }
    }

    fn object(kind: &str, name: &str) -> Value {
        json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})
    }

    fn some() -> Vec<(&'static Kind, Vec<Value>)> {
        vec![
            (dump::kind("namespaces").unwrap(), vec![object("Namespace", "shop")]),
            (dump::kind("nodes").unwrap(), vec![object("Node", "n1"), object("Node", "n2")]),
        ]
    }

    #[test]
    fn a_file_is_written_as_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let all = [object("Namespace", "shop"), object("Node", "n1"), object("Node", "n2")];
        for name in ["a.json", "a.ndjson", "a.jsonl", "a.yaml", "a.yml", "a.json.gz", "a.yaml.gz"] {
            let path = folder.path().join(name);
            let place = Place::of(&path).ok().unwrap();
            for _ in 0..2 {
                place.write(&some(), &mut Vec::new()).ok().unwrap();
            }
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.starts_with(&[0x1f, 0x8b]), name.ends_with(".gz"), "{name}");
            let read = portcullis::source::objects::read(name, &bytes).unwrap();
            let read: Vec<Value> = read.objects.into_iter().map(|object| object.value).collect();
            assert_eq!(read, all, "{name}");
        }
        let path = folder.path().join("a.json.gz");
        let mut text = String::new();
        let file = fs::File::open(path).unwrap();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        assert!(
            text.starts_with("{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[\n"),
            "{text}"
        );
    }

    #[test]
    fn a_folder_has_a_file_of_each_kind_and_must_have_been_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/dump/");
        let place = Place::of(&path).ok().unwrap();
        place.write(&some(), &mut Vec::new()).ok().unwrap();
        let mut names: Vec<_> =
            fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["namespaces.json", "nodes.json"]);
        assert!(refused(&path).contains("is not empty"), "{}", refused(&path));
        assert!(Place::of(folder.path().join("other/").as_path()).is_ok());
    }

    #[test]
    fn a_name_that_says_nothing_is_asked_about_before_anything_is_listed() {
        for name in ["dump", "cluster.txt", "cluster.gz", "json"] {
            let text = refused(Path::new(name));
            assert!(
                text.contains(&format!("`{name}`: the name of a file ends in .json")),
                "{text}"
            );
        }
    }
}
