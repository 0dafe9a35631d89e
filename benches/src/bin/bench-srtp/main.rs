//! What protecting an RTP packet costs, in CPU nanoseconds: each path of ours beside its peers.
//!
//! Each session has keys of its own. A tick writes the header of each session's packet and
//! protects it; packets lie side by side, as in a batch to be sent. All contenders of a case take
//! turns in one run, and the median of their rounds counts.

/// What is measured, and what comes of it.
mod contest;
/// libsrtp as Debian has it, in a process of its own.
mod debian;
/// Our paths.
mod ours;
/// Peers: crates that do the same.
mod peers;

use clap::Parser;
use contest::{Case, Contender, report};
use sixreel_dataplane::srtp::{Path, Suite};

/// Measures SRTP.
#[derive(Parser)]
struct Options {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    /// Only suites whose name contains this.
    #[arg(long, default_value = "")]
    suite: String,
    /// Only contenders whose name contains this.
    #[arg(long, default_value = "")]
    only: String,
    /// Numbers of sessions.
    #[arg(long, value_delimiter = ',', default_value = "1,64,2048,32768")]
    sessions: Vec<u32>,
    /// Bytes of an RTP packet.
    #[arg(long, value_delimiter = ',', default_value = "172,32")]
    bytes: Vec<usize>,
    /// Rounds, of which the median counts.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
    /// Leave the peers out that are slow to set up.
    #[arg(long)]
    quick: bool,
}

fn main() {
    let options = Options::parse();
    let debian = if options.quick {
        None
    } else {
        debian::Peer::build()
    };
    for suite in Suite::ALL {
        if !suite.name().contains(&options.suite) {
            continue;
        }
        for &len in &options.bytes {
            for &sessions in &options.sessions {
                let case = Case {
                    suite,
                    len,
                    sessions,
                };
                let mut ours = contenders(&case);
                let mut peers = peers::all(&case, options.quick);
                ours.retain(|contender| contender.name().contains(&options.only));
                peers.retain(|contender| contender.name().contains(&options.only));
                contest::run(&case, options.rounds, ours.iter_mut().chain(&mut peers));
                let mut peers: Vec<_> = peers.iter().map(Contender::result).collect();
                peers.extend(debian.as_ref().and_then(|peer| peer.run(&case)));
                let ours: Vec<_> = ours.iter().map(Contender::result).collect();
                report(&case, &ours, &peers, options.json);
            }
        }
    }
}

fn contenders(case: &Case) -> Vec<Contender> {
    let paths = Path::ALL.into_iter().filter(|path| path.is_available());
    paths.map(|path| ours::contender(case, path)).collect()
}
