//! The rules of the house that no compiler holds. docs/ARCHITECTURE.md gives the reasons.
//!
//! Each check takes a tree of files and gives one line for each fault: where, what, and what to do.
//! Its own tests show it a tree with the fault.

/// Dependencies: each is used, and earns its place.
mod dependencies;
/// Pages and links.
mod docs;
/// Which room may import which.
mod rooms;
/// How long files, functions and lines are.
mod sizes;
/// The files of the repository, and of made-up ones.
mod tree;
/// Words and marks that must be there, or must not.
mod words;

use tree::Tree;

fn hold(check: impl FnOnce(&Tree) -> Vec<String>) {
    let faults = check(&Tree::read());
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn rooms_import_what_they_may() {
    hold(rooms::imports);
}

#[test]
fn the_world_outside_is_known_at_the_edges_only() {
    hold(rooms::outside);
}

#[test]
fn client_commands_know_the_control_protocol_only() {
    hold(rooms::clients);
}

#[test]
fn files_functions_and_lines_are_short() {
    hold(sizes::lengths);
}

#[test]
fn every_file_and_module_says_what_it_is() {
    hold(words::doors);
}

#[test]
fn nothing_is_left_unfinished() {
    hold(words::leftovers);
}

#[test]
fn unsafe_code_is_in_leaf_files() {
    hold(words::unsafe_code);
}

#[test]
fn nothing_tells_of_a_developers_machine() {
    hold(words::machines);
}

#[test]
fn every_page_is_linked_and_every_link_leads_somewhere() {
    hold(docs::links);
}

#[test]
fn no_file_is_large() {
    hold(sizes::bytes);
}

#[test]
fn dependencies_are_used_and_explained() {
    hold(dependencies::explained);
}
