//! The journal as a transparency log, through the public surface: a reader who has nothing but checkpoints, tiles and
//! bundles gets the same tree, finds each event in it, and finds out that the old tree is its beginning.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use journal::proof::{verify_consistency, verify_inclusion};
use journal::tile::WIDTH;
use journal::{Frontier, Hash};
use serde_json::json;
use support::site::crossing;
use support::world::FAST;
use support::{Http, World};

/// Size and root, as a checkpoint says them (C2SP tlog-checkpoint).
fn checkpoint(http: &Http) -> (String, u64, Hash) {
    let answer = http.send("GET", "/v1/journal/checkpoint", None, &[]).unwrap();
    assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain"), "{}", answer.body);
    let note = String::from_utf8(answer.bytes).unwrap();
    let (size, root) = head_of(&note);
    (note, size, root)
}

fn head_of(note: &str) -> (u64, Hash) {
    let lines: Vec<&str> = note.lines().collect();
    assert!(lines[3].is_empty() && lines[4].starts_with("\u{2014} "), "{note}");
    (lines[1].parse().unwrap(), hash(lines[2]))
}

fn hash(base64: &str) -> Hash {
    Hash::from_bytes(STANDARD.decode(base64).unwrap().try_into().unwrap())
}

fn tile(http: &Http, name: &str) -> Vec<u8> {
    let answer = http.send("GET", &format!("/v1/journal/tile/{name}"), None, &[]).unwrap();
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (200, "application/octet-stream"),
        "{name}: {}",
        answer.body
    );
    answer.bytes
}

/// The names of the tiles of a level that hold its first so many hashes.
fn names(of: &str, count: u64) -> Vec<String> {
    let full = (0..count / WIDTH).map(|n| format!("{of}/{n:03}"));
    let partial = (!count.is_multiple_of(WIDTH)).then(|| format!("{of}/{:03}.p/{}", count / WIDTH, count % WIDTH));
    full.chain(partial).collect()
}

fn hashes(http: &Http, level: u32, count: u64) -> Vec<Hash> {
    let bytes: Vec<u8> = names(&level.to_string(), count).iter().flat_map(|name| tile(http, name)).collect();
    let (hashes, rest) = bytes.as_chunks::<32>();
    assert!(rest.is_empty());
    hashes.iter().map(|hash| Hash::from_bytes(*hash)).collect()
}

fn entries(http: &Http, count: u64) -> Vec<Vec<u8>> {
    let mut entries = Vec::new();
    for name in names("entries", count) {
        let bundle = tile(http, &name);
        let mut rest = bundle.as_slice();
        while let Some((length, behind)) = rest.split_first_chunk::<2>() {
            let (entry, behind) = behind.split_at(usize::from(u16::from_be_bytes(*length)));
            entries.push(entry.to_vec());
            rest = behind;
        }
    }
    entries
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    leaves.iter().for_each(|leaf| frontier.push(*leaf));
    frontier.root()
}

/// A world whose journal has more than a full tile.
fn a_long_journal() -> World {
    let mut world = World::new();
    world.ready_vehicle(crossing(0, 0), FAST);
    let trip = world.trip(crossing(1, 0), crossing(3, 3));
    world.until_status(&trip, &["COMPLETED"]);
    while world.journal_size() < WIDTH + 20 {
        let name = format!("screen {}", world.journal_size());
        world.http.post("/v1/principals", &json!({ "role": "viewer", "name": name })).ok();
    }
    world
}

#[test]
fn a_reader_of_tiles_has_the_whole_log_and_proves_each_event_with_a_text() {
    let world = a_long_journal();
    let http = &world.http;
    let (_, size, root) = checkpoint(http);
    let leaves = hashes(http, 0, size);
    assert_eq!((leaves.len() as u64, root_of(&leaves)), (size, root));
    let entries = entries(http, size);
    assert_eq!(entries.iter().map(|entry| Hash::of_leaf(entry)).collect::<Vec<_>>(), leaves);
    assert_eq!(hashes(http, 1, size / WIDTH), [root_of(&leaves[..WIDTH as usize])]);

    for index in [0, 1, WIDTH - 1, WIDTH, size - 1] {
        let listed = http.get(&format!("/v1/journal?from={index}&limit=1")).ok()["items"][0].clone();
        let event = listed["event"]["id"].as_str().unwrap();
        let answer = http.send("GET", &format!("/v1/journal/{event}/tlog-proof"), None, &[]).unwrap();
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "text/plain"), "{}", answer.body);
        let text = String::from_utf8(answer.bytes).unwrap();
        let (proof, note) = text.split_once("\n\n").unwrap();
        let mut lines = proof.lines();
        assert_eq!(lines.next(), Some("c2sp.org/tlog-proof@v1"));
        let leaf_data = STANDARD.decode(lines.next().unwrap().strip_prefix("extra ").unwrap()).unwrap();
        assert_eq!(leaf_data, entries[index as usize]);
        assert_eq!(lines.next(), Some(format!("index {index}").as_str()));
        let path: Vec<Hash> = lines.map(hash).collect();
        let (size, root) = head_of(note);
        assert!(verify_inclusion(Hash::of_leaf(&leaf_data), index, size, &path, root), "{text}");
    }
    world.verify();
}

#[test]
fn an_older_tree_is_proven_to_be_the_beginning_of_the_newest() {
    let world = a_long_journal();
    let http = &world.http;
    let (_, new_size, new_root) = checkpoint(http);
    let leaves = hashes(http, 0, new_size);
    for old_size in [1, 2, WIDTH - 1, WIDTH, WIDTH + 1, new_size] {
        let answer = http.get(&format!("/v1/journal/consistency?from={old_size}&to={new_size}")).ok();
        let path: Vec<Hash> =
            answer["path"].as_array().unwrap().iter().map(|hash| hash.as_str().unwrap().parse().unwrap()).collect();
        let old_root = root_of(&leaves[..old_size as usize]);
        assert!(verify_consistency(old_size, old_root, new_size, new_root, &path), "{old_size}: {answer}");
    }
    let asked = |query: &str| http.get(&format!("/v1/journal/consistency{query}"));
    let told = asked("?from=0").problem(400, "INVALID_REQUEST");
    assert!(told.to_string().contains("from"), "{told}");
    for query in ["?from=9&to=8", "?to=1000000", "?from=1000000"] {
        asked(query).problem(404, "NOT_FOUND");
    }
}

#[test]
fn a_tile_that_the_log_does_not_have_yet_is_not_found() {
    let world = World::new();
    let (note, size, _) = checkpoint(&world.http);
    assert!(note.starts_with("atlasmesh"), "{note}");
    let wrong = [
        "0/000".to_owned(),
        format!("0/000.p/{}", size + 1),
        "0/001".to_owned(),
        "1/000.p/1".to_owned(),
        "entries/000".to_owned(),
        "64/000".to_owned(),
        "0/x000/000".to_owned(),
        "0/..%2f..%2fkeys".to_owned(),
        "0".to_owned(),
        "0/x999/x999/x999/x999/x999/x999/x999/999".to_owned(),
    ];
    for name in wrong {
        world.http.get(&format!("/v1/journal/tile/{name}")).problem(404, "NOT_FOUND");
    }
    // A client that writes a slash as a part of a name means the same.
    for name in [format!("0/000.p/{size}"), format!("0%2F000.p%2F{size}")] {
        assert_eq!(tile(&world.http, &name).len() as u64, 32 * size);
    }
}
