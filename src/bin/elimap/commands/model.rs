//! `elimap model`: graphs of well-known models, of any size.

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use elimap::phase::{Graph, GraphError, models};
use serde_json::{Value, json};

use crate::output::Text;

/// A model that can be asked for by name.
struct Entry {
    name: &'static str,
    /// What the sizes are.
    sizes: &'static [&'static str],
    /// What theta is.
    theta: &'static str,
    about: &'static str,
    example: &'static [usize],
    random: bool,
    make: fn(&[usize], u64) -> Result<Graph, GraphError>,
}

const fn entry(
    name: &'static str,
    sizes: &'static [&'static str],
    theta: &'static str,
    about: &'static str,
    example: &'static [usize],
    make: fn(&[usize], u64) -> Result<Graph, GraphError>,
) -> Entry {
    Entry {
        name,
        sizes,
        theta,
        about,
        example,
        random: false,
        make,
    }
}

const fn random(entry: Entry) -> Entry {
    Entry {
        random: true,
        ..entry
    }
}

/// Every model; `make` gets as many sizes as `sizes` names.
const MODELS: [Entry; 18] = [
    entry(
        "erlang",
        &["PHASES"],
        "rate",
        "Erlang's distribution: phases in a row at one rate",
        &[4],
        |n, _| models::erlang(n[0]),
    ),
    entry(
        "hypoexponential",
        &["PHASES"],
        "a rate per phase",
        "phases in a row, each at a rate of its own",
        &[3],
        |n, _| models::hypoexponential(n[0]),
    ),
    entry(
        "kingman",
        &["LINEAGES"],
        "coalescence",
        "Kingman's coalescent, lineages counted",
        &[10],
        |n, _| models::kingman(n[0]),
    ),
    entry(
        "coalescent-sfs",
        &["LINEAGES"],
        "coalescence",
        "Kingman's coalescent with the site-frequency state; acyclic",
        &[10],
        |n, _| models::coalescent_sfs(n[0]),
    ),
    entry(
        "islands",
        &["LINEAGES"],
        "coalescence 1, coalescence 2, migration",
        "two islands, lineages counted",
        &[6],
        |n, _| models::islands(n[0]),
    ),
    entry(
        "islands-sfs",
        &["LINEAGES"],
        "coalescence 1, coalescence 2, migration 1 to 2, migration 2 to 1",
        "two islands with the site-frequency state on each",
        &[6],
        |n, _| models::islands_sfs(n[0]),
    ),
    entry(
        "two-locus-arg",
        &["LINEAGES"],
        "coalescence, recombination",
        "the two-locus ancestral process, lineages counted",
        &[6],
        |n, _| models::two_locus_arg(n[0]),
    ),
    entry(
        "two-locus-arg-sfs",
        &["LINEAGES"],
        "coalescence, recombination",
        "the two-locus ancestral process with descendants at both loci",
        &[4],
        |n, _| models::two_locus_arg_sfs(n[0]),
    ),
    entry(
        "joint-sfs",
        &["FIRST", "SECOND"],
        "coalescence 1, coalescence 2, migration 1 to 2, migration 2 to 1",
        "two islands with a sample each, lineages by descendants in both samples",
        &[2, 2],
        |n, _| models::joint_sfs(n[0], n[1]),
    ),
    entry(
        "two-locus-heights",
        &["LINEAGES"],
        "coalescence, recombination",
        "the two-locus ancestral process until each locus has its ancestor",
        &[4],
        |n, _| models::two_locus_heights(n[0]),
    ),
    entry(
        "birth-death",
        &["LEVELS"],
        "up, down",
        "a birth-death chain absorbed at 0; one block",
        &[100],
        |n, _| models::birth_death(n[0]),
    ),
    entry(
        "queue",
        &["CAPACITY"],
        "arrival, service",
        "one server, from 1 waiting until CAPACITY + 1 are",
        &[20],
        |n, _| models::queue(n[0]),
    ),
    entry(
        "tandem-queue",
        &["CAPACITY"],
        "arrival, service 1, service 2",
        "two queues in a row until both are empty",
        &[6],
        |n, _| models::tandem_queue(n[0]),
    ),
    entry(
        "grid-walk",
        &["ROWS", "COLUMNS"],
        "along rows, along columns, absorption",
        "a random walk from one corner of a grid, absorbed from the opposite one",
        &[30, 30],
        |n, _| models::grid_walk(n[0], n[1]),
    ),
    entry(
        "k-out-of-n",
        &["NEEDED", "PARTS"],
        "failure, repair",
        "parts that fail and are repaired one at a time, until fewer work than are needed",
        &[3, 5],
        |n, _| models::k_out_of_n(n[0], n[1]),
    ),
    random(entry(
        "random-block",
        &["VERTICES", "DEGREE"],
        "two, with random coefficients",
        "one strongly connected block with random edges",
        &[200, 4],
        |n, seed| models::random_block(n[0], n[1], seed),
    )),
    random(entry(
        "block-chain",
        &["BLOCKS", "VERTICES", "DEGREE", "TOPOLOGIES"],
        "two, with random coefficients",
        "random blocks in a row, of so many different topologies in turn",
        &[100, 50, 3, 10],
        |n, seed| models::block_chain(n[0], n[1], n[2], n[3], seed),
    )),
    random(entry(
        "dense",
        &["VERTICES"],
        "three, with random coefficients",
        "one block in which every vertex leads to every other",
        &[50],
        |n, seed| models::dense(n[0], seed),
    )),
];

/// Print the graph of a well-known model, of any size, as JSON
///
/// The names with their sizes (--list says what theta is):
///
///   erlang PHASES, hypoexponential PHASES,
///   kingman LINEAGES, coalescent-sfs LINEAGES, islands LINEAGES, islands-sfs LINEAGES,
///   two-locus-arg LINEAGES, two-locus-arg-sfs LINEAGES, two-locus-heights LINEAGES,
///   joint-sfs FIRST SECOND, k-out-of-n NEEDED PARTS,
///   birth-death LEVELS, queue CAPACITY, tandem-queue CAPACITY, grid-walk ROWS COLUMNS,
///   random-block VERTICES DEGREE, block-chain BLOCKS VERTICES DEGREE TOPOLOGIES, dense VERTICES
#[derive(clap::Args)]
#[command(
    verbatim_doc_comment,
    after_help = "\
Examples:
  elimap model islands 6 > islands.json
  elimap model islands 6 | elimap trace -
  elimap model grid-walk 30 30 | elimap moments - --theta 1,1,0.5
  elimap model random-block 200 4 --seed 7 > random.json
  elimap model --list"
)]
pub(crate) struct Args {
    /// The model
    #[arg(value_parser = names(), hide_possible_values = true, required_unless_present = "list")]
    name: Option<String>,
    /// Its sizes
    sizes: Vec<usize>,
    /// What random edges and coefficients depend on
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// List the models: names, sizes, thetas
    #[arg(long, conflicts_with_all = ["name", "sizes"])]
    list: bool,
    /// With --list, print JSON instead of text
    #[arg(long, requires = "list", conflicts_with = "name")]
    json: bool,
}

fn names() -> PossibleValuesParser {
    PossibleValuesParser::new(MODELS.map(|entry| entry.name))
}

pub(crate) fn run(args: &Args) -> Result<Text> {
    let asked = args.name.as_deref();
    let Some(entry) = MODELS.iter().find(|entry| Some(entry.name) == asked) else {
        return Ok(list(args.json));
    };
    if args.sizes.len() != entry.sizes.len() {
        let message = format!(
            "`elimap model {}` takes {} ({}), but {} were given",
            entry.name,
            entry.sizes.join(" "),
            command(entry),
            args.sizes.len()
        );
        return Err(clap::Error::raw(ErrorKind::WrongNumberOfValues, message).into());
    }
    let graph = (entry.make)(&args.sizes, args.seed)?;
    let mut text = Text::new();
    text.line(graph.to_json());
    Ok(text)
}

fn command(entry: &Entry) -> String {
    let sizes = entry.example.iter().map(|size| format!(" {size}"));
    format!("for example {}{}", entry.name, sizes.collect::<String>())
}

fn list(json: bool) -> Text {
    if json {
        let models = MODELS.iter().map(|entry| {
            json!({
                "name": entry.name,
                "sizes": entry.sizes,
                "theta": entry.theta,
                "about": entry.about,
                "example": entry.example,
                "random": entry.random,
            })
        });
        return Text::json(&models.collect::<Value>());
    }
    let mut text = Text::new();
    for entry in &MODELS {
        let seed = if entry.random { " [--seed N]" } else { "" };
        text.line(format_args!(
            "{} {}{seed}",
            entry.name,
            entry.sizes.join(" ")
        ));
        text.line(format_args!("    {}", entry.about));
        text.line(format_args!("    theta: {}", entry.theta));
    }
    text
}
