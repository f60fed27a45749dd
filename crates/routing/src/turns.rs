//! What it takes to pass from one edge into the next, beside driving them: the turn by its angle, and what a vehicle
//! waits for at the end of an edge. It applies to every map alike, as an angle needs no tags; only what one waits for
//! is known from OpenStreetMap alone.

use std::sync::LazyLock;

use crate::graph::{Edge, EdgeId, RoadGraph};

/// What a turn back on the road costs, in seconds: a vehicle does it where there is no better way. OSRM's car profile
/// takes 27.5: `u_turn_penalty` and the whole `turn_penalty`.
pub const TURN_BACK_S: f64 = 30.0;

/// The most that another turn takes, in seconds: `turn_penalty` of OSRM's car profile, fitted there to turns of real
/// drives. Which side of the road is driven on is not known, so left and right take the same.
const TURN_MAX_S: f64 = 7.5;

/// Units of a full circle, in which headings are kept.
const CIRCLE: f64 = 256.0;

/// Seconds by how far a vehicle turns, in units of a circle: next to none straight on, half of the most at 90 degrees,
/// all of it from 135 on, as the curve of OSRM's profile.
static BY_ANGLE_S: LazyLock<[f64; 256]> = LazyLock::new(|| {
    std::array::from_fn(|turned| {
        let degrees = (turned as f64).min(CIRCLE - turned as f64) * 360.0 / CIRCLE;
        TURN_MAX_S / (1.0 + (6.5 - 13.0 * degrees / 180.0).exp())
    })
});

/// The headings with which edges begin and end, and the nodes at which a driver has a choice.
#[derive(Debug)]
pub(crate) struct Turns {
    headings: Vec<[u8; 2]>,
    is_crossing: Vec<bool>,
}

impl Turns {
    pub fn of(node_count: usize, edges: &[Edge]) -> Self {
        let mut roads = vec![Vec::new(); node_count];
        for edge in edges {
            for node in [edge.from, edge.to] {
                let roads: &mut Vec<i64> = &mut roads[node as usize];
                if !roads.contains(&edge.source) {
                    roads.push(edge.source);
                }
            }
        }
        let is_crossing = roads.iter().map(|roads| roads.len() > 2).collect();
        Self { headings: edges.iter().map(headings).collect(), is_crossing }
    }
}

fn headings(edge: &Edge) -> [u8; 2] {
    let heading = |ends: Option<&[kernel::Coordinate]>| {
        let degrees = ends.map_or(0.0, |ends| ends[0].bearing_to(ends[1]).degrees());
        // A full circle is 0 again.
        (degrees / 360.0 * CIRCLE).round() as u32 as u8
    };
    [heading(edge.points.windows(2).next()), heading(edge.points.windows(2).next_back())]
}

impl RoadGraph {
    /// Seconds from the end of one edge to the beginning of another; `None` where they do not meet or a restriction
    /// forbids the turn. A bend where only two roads meet takes no longer than the road.
    pub fn turn_s(&self, from: EdgeId, to: EdgeId) -> Option<f64> {
        let (a, b) = (self.edge(from), self.edge(to));
        if a.to != b.from || self.forbidden_turns.contains(&(from, to)) {
            return None;
        }
        let turns_back = a.source == b.source && a.from == b.to && from != to;
        let turn = if turns_back {
            TURN_BACK_S
        } else if self.turns.is_crossing[a.to as usize] {
            let [_, arrives] = self.turns.headings[from.0 as usize];
            let [leaves, _] = self.turns.headings[to.0 as usize];
            BY_ANGLE_S[usize::from(leaves.wrapping_sub(arrives))]
        } else {
            0.0
        };
        Some(a.delay_s + turn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_takes_longer_the_sharper_it_is() {
        let check = |degrees: f64, then: f64| {
            let turned = |degrees: f64| BY_ANGLE_S[usize::from((degrees / 360.0 * CIRCLE).round() as u32 as u8)];
            for degrees in [degrees, 360.0 - degrees] {
                assert!((turned(degrees) - then).abs() < 0.01, "{degrees}: {}", turned(degrees));
            }
        };
        check(0.0, 0.01);
        check(45.0, 0.28);
        check(90.0, 3.75);
        check(135.0, 7.22);
        check(180.0, 7.49);
    }
}
