//! Writes a seeded world and questions about it to files.
//!
//! ```text
//! cargo run --release --example gen_world -- --bindings 100000 --seed 1 --out DIR
//! ```
//!
//! | file | holds |
//! |---|---|
//! | `world.json` | a `List` of every object, compact, as the API server sends it |
//! | `world.yaml` | the same as `kubectl get -o yaml` prints it |
//! | `queries.ndjson` | a SubjectAccessReviewSpec a line: service accounts, people and paths, shuffled |
//! | `expected.ndjson` | `{"allowed": …}` for each of those lines |
//! | `whocan-queries.ndjson` | specs without a user |

#[path = "mod.rs"]
#[expect(dead_code, reason = "the benches need what this program does not")]
mod world;
mod write;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use world::queries::{Class, Query};
use world::{LARGE, MIX, Params, World};

const USAGE: &str = "usage: gen_world [--bindings N] [--queries N] [--seed N] --out DIR";

struct Args {
    params: Params,
    queries: usize,
    out: PathBuf,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut args =
            Self { params: Params { bindings: LARGE, seed: 1 }, queries: MIX, out: PathBuf::new() };
        while let Some(flag) = words.next() {
            let value = words.next().ok_or(USAGE)?;
            match flag.as_str() {
                "--bindings" => args.params.bindings = value.parse()?,
                "--queries" => args.queries = value.parse()?,
                "--seed" => args.params.seed = value.parse()?,
                "--out" => args.out = value.into(),
                _ => return Err(USAGE.into()),
            }
        }
        if args.out.as_os_str().is_empty() { Err(USAGE.into()) } else { Ok(args) }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Args { params, queries, out } = Args::parse(std::env::args().skip(1))?;
    let world = World::generate(&params);
    fs::create_dir_all(&out)?;
    to_file(&out.join("world.json"), |file| write::json_list(&world.inventory, file))?;
    to_file(&out.join("world.yaml"), |file| write::yaml_list(&world.inventory, file))?;

    let mut questioner = world.questioner();
    let who_can = questioner.ask(Class::WhoCan, queries / 50);
    let mix = questioner.mix(queries);
    let lines = |queries: &[Query], file: &mut BufWriter<File>| {
        queries.iter().try_for_each(|query| writeln!(file, "{}", write::spec(query)))
    };
    to_file(&out.join("queries.ndjson"), |file| lines(&mix, file))?;
    to_file(&out.join("expected.ndjson"), |file| {
        mix.iter().try_for_each(|query| writeln!(file, "{{\"allowed\":{}}}", query.allowed))
    })?;
    to_file(&out.join("whocan-queries.ndjson"), |file| lines(&who_can, file))?;
    Ok(())
}

fn to_file(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    write(&mut file)?;
    file.flush()
}
