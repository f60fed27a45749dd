//! Nodes and links as CSV: what comes out, and how each bad row is told.

use routing::import::{ImportError, csv, decompress};
use routing::{GraphError, NoStop, RoadClass, RoadGraph};

use crate::fixture::{LINKS, NODES, TURNS, edges_of, grid};

#[test]
fn the_grid_comes_out_as_it_is_written() {
    let (graph, report) = grid();
    assert_eq!((report.nodes, report.edges), (25, 39 * 2 - 4), "40 links, one private, four one-way");
    assert_eq!((report.skipped_links, report.disconnected_edges, report.clipped_ways), (1, 0, 0));
    assert_eq!(report.forbidden_turns, 1 + 3, "one turn, and all but one of the four from 131 at 32");
    let link = |id| edges_of(&graph, id);
    assert!(link(112).is_empty(), "private");
    assert_eq!(link(119).len(), 1, "one-way");
    assert_eq!(link(103)[0].1.no_stop, Some(NoStop::Bridge));
    assert_eq!(link(105)[1].1.no_stop, Some(NoStop::Tunnel));
    assert_eq!((link(101)[0].1.no_stop, link(101)[0].1.class), (None, RoadClass::Secondary));
    assert!((link(109)[0].1.speed_mps * 3.6 - 20.0).abs() < 0.01);
    assert!((link(101)[0].1.speed_mps * 3.6 - 50.0).abs() < 0.01);
    assert!((link(102)[0].1.length_m - 333.6).abs() < 0.1, "0.003 degrees of latitude: {}", link(102)[0].1.length_m);
}

#[test]
fn optional_columns_are_read_and_unknown_ones_passed_over() {
    let nodes = "lat,node_id,lon,colour\n0,1,0,red\n0,2,0.01,blue\n";
    let links = "link_id,a_node,b_node,direction,link_type,speed_ab,speed_ba,lanes_ab,lanes_ba,geometry,max_mass_kg,x\n\
                 7,1,2,0,haul,36,18,0.5,2,0 0;0.005 0.001;0.01 0,40000,y\n\
                 8,1,2,-1,haul,,,,,,,\n";
    let (graph, _) = csv(nodes, links, None, Some("link_id,reason\n8,blast_zone\n")).unwrap();
    let edges = edges_of(&graph, 7);
    assert_eq!((edges[0].1.speed_mps, edges[1].1.speed_mps), (10.0, 5.0));
    assert_eq!((edges[0].1.lanes, edges[1].1.lanes), (1, 2));
    assert_eq!(edges[0].1.limits.max_mass_kg, Some(40_000.0));
    assert_eq!(edges[0].1.points.len(), 3);
    let backward = edges_of(&graph, 8);
    assert_eq!(backward.len(), 1);
    assert!(backward[0].1.points[0].lon() > 0.009, "from b to a");
    assert_eq!(backward[0].1.no_stop, Some(NoStop::BlastZone));
}

/// A network with one table changed, and what the error says.
fn check(given: &str, table: &str, change: impl Fn(&str) -> String, then: &str) {
    let changed = |name: &str, text: &str| if name == table { change(text) } else { text.to_owned() };
    let (nodes, links, turns) = (changed("nodes", NODES), changed("links", LINKS), changed("turns", TURNS));
    let no_stop = changed("no_stop", "link_id,reason\n103,bridge\n");
    let error = csv(&nodes, &links, Some(&turns), Some(&no_stop)).map(|(_, report)| report);
    let said = error.expect_err(given).to_string();
    assert!(said.contains(then), "given {given}: {said:?} does not say {then:?}");
}

#[test]
fn each_bad_input_has_one_error_that_says_where() {
    let with = |row: &'static str| move |text: &str| format!("{text}{row}\n");
    let as_row = |from: &'static str, to: &'static str| move |text: &str| text.replacen(from, to, 1);
    check("a node off the Earth", "nodes", with("9,181,0"), "nodes line 27: expected lat");
    check("a node without a number", "nodes", with("9,x,0"), "nodes line 27: lon \"x\" is not a number");
    check("a node that is not a number", "nodes", with("9,NaN,0"), "nodes line 27: expected lat");
    check("a node twice", "nodes", with("1,0,0"), "nodes line 27: node_id 1 is there twice");
    check("a column less", "nodes", |text| text.replace(",lat", ",latitude"), "nodes has no column lat");
    check("a row that is cut off", "nodes", with("9,0"), "nodes line 27: the row cannot be read");
    check("no nodes", "nodes", |_| String::new(), "links line 2: a_node 1 is not among the nodes");
    check("a link to nowhere", "links", with("9,1,99,0,road,,,,"), "links line 42: b_node 99 is not among the nodes");
    check("a link twice", "links", with("101,1,2,0,road,,,,"), "links line 42: link_id 101 is there twice");
    check("a direction", "links", with("9,1,2,2,road,,,,"), "links line 42: direction \"2\" is none of 0, 1, -1");
    check("a speed", "links", with("9,1,2,0,road,-5,,,"), "links line 42: speed_ab -5 is not above 0");
    check("a speed of light", "links", with("9,1,2,0,road,,1e9,,"), "links line 42: speed_ba 1000000000 is not");
    check("a reason", "links", with("9,1,2,0,road,,,,swamp"), "links line 42: no_stop \"swamp\" is none of tunnel");
    check("no links", "links", |_| String::new(), "103 is not among the links");
    check(
        "only footways",
        "links",
        |text| text.replace("residential", "footway").replace("secondary", "path"),
        "no part",
    );
    check("an unknown rule", "turns", as_row(",no\n", ",maybe\n"), "turns line 2: rule \"maybe\" is neither");
    check("a turn from nowhere", "turns", as_row("116,", "99,"), "turns line 2: from_link 99 is not among the links");
    check("a turn elsewhere", "turns", as_row(",117", ",133"), "turns line 2: to_link 133 does not touch via_node 14");
    check("no such link", "no_stop", with("99,bridge"), "no_stop line 3: link_id 99 is not among the links");
    check("an open quote", "links", with("9,1,2,0,road,,,,\"bridge"), "links line 42: a quote is open");
}

#[test]
fn shapes_lead_from_node_to_node() {
    let nodes = "node_id,lon,lat\n1,0,0\n2,0.01,0\n";
    let said = |geometry: &str| {
        let links = format!("link_id,a_node,b_node,direction,link_type,geometry_lonlat\n7,1,2,0,road,{geometry}\n");
        csv(nodes, &links, None, None).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(said("0 0;0.01 0"), Ok(()));
    for (geometry, then) in [
        ("0 0;x 0", "\"x 0\" is not lon lat"),
        ("0 0", "one point only"),
        ("0.01 0;0 0", "does not lead from a_node to b_node"),
        ("0 0;0 91;0.01 0", "\"0 91\" is not lon lat"),
    ] {
        assert!(said(geometry).unwrap_err().contains(then), "{geometry}: {:?}", said(geometry));
    }
}

#[test]
fn a_part_without_a_way_back_is_left_out() {
    let links = format!("{LINKS}141,45,46,1,residential,,,,\n");
    let (graph, report) = csv(&format!("{NODES}46,-71.285,-29.938\n"), &links, Some(TURNS), None).unwrap();
    assert_eq!((report.disconnected_edges, graph.node_count()), (1, 25));
}

#[test]
fn a_trap_made_by_turns_is_left_out() {
    // Whoever drives from 44 to 45 over 140 may neither go on nor back.
    let trap = format!("{TURNS}140,45,136,no\n140,45,140,no\n");
    let (graph, report) = csv(NODES, LINKS, Some(&trap), None).unwrap();
    assert_eq!((report.disconnected_edges, edges_of(&graph, 140).len(), graph.node_count()), (1, 1, 25));
    assert!(edges_of(&graph, 140)[0].1.points[0].lon() > -71.2881, "from 45 to 44 it stays open");
}

#[test]
fn bytes_come_back_as_they_were_and_any_change_is_found() {
    let (graph, _) = grid();
    let bytes = graph.to_bytes();
    let again = RoadGraph::from_bytes(&bytes).unwrap();
    assert_eq!((again.edges(), again.nodes(), again.digest()), (graph.edges(), graph.nodes(), graph.digest()));
    assert_eq!(again.to_bytes(), bytes);
    assert_eq!(grid().0.digest(), graph.digest(), "the same input gives the same bytes");
    assert_eq!(graph.digest().len(), 64);
    for place in (0..bytes.len()).step_by(11) {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        assert!(RoadGraph::from_bytes(&changed).is_err(), "byte {place}");
        assert!(RoadGraph::from_bytes(&bytes[..place]).is_err(), "cut off behind byte {place}");
    }
    assert_eq!(RoadGraph::from_bytes(b"AMROAD99").map(|_| ()), Err(GraphError::UnknownVersion));
}

#[test]
fn gzip_is_unpacked_and_damage_is_an_error() {
    const PACKED: &[u8] = include_bytes!("../../../../data/coquimbo/nodes.csv.gz");
    assert!(decompress(PACKED).unwrap().starts_with(b"node_id,lon,lat"));
    assert_eq!(decompress(b"node_id").unwrap(), b"node_id");
    let cut_off = decompress(&PACKED[..PACKED.len() / 2]);
    assert!(matches!(cut_off, Err(ImportError::Compression(_))), "{cut_off:?}");
}
