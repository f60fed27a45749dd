//! The largest strongly connected part of a graph (Tarjan 1972, without recursion): a vehicle that drives into a part
//! it cannot leave is lost, so such parts are left out. What is connected are edges over turns, not nodes: where turns
//! are forbidden, a node can be reached and yet be a trap for whoever came by one of its edges.

use std::collections::BTreeSet;

use crate::graph::{Edge, EdgeId};

/// For each edge whether it belongs to the largest part.
pub(crate) fn largest(node_count: usize, edges: &[Edge], forbidden_turns: &BTreeSet<(EdgeId, EdgeId)>) -> Vec<bool> {
    let mut leaving: Vec<Vec<u32>> = vec![Vec::new(); node_count];
    for (place, edge) in (0u32..).zip(edges) {
        leaving[edge.from as usize].push(place);
    }
    let turns = |(place, edge): (u32, &Edge)| {
        let onward = leaving[edge.to as usize].iter().copied();
        onward.filter(|&next| !forbidden_turns.contains(&(EdgeId(place), EdgeId(next)))).collect()
    };
    let out: Vec<Vec<u32>> = (0u32..).zip(edges).map(turns).collect();
    let part = parts(&out);
    let mut sizes = vec![0usize; edges.len()];
    part.iter().for_each(|&part| sizes[part as usize] += 1);
    let biggest = (0..edges.len()).max_by_key(|&part| (sizes[part], edges.len() - part));
    let is_alone = |edge: usize| biggest.is_some_and(|part| sizes[part] == 1) && !out[edge].contains(&(edge as u32));
    part.iter().enumerate().map(|(edge, &part)| Some(part as usize) == biggest && !is_alone(edge)).collect()
}

const UNSEEN: u32 = u32::MAX;

/// The number of the part of each vertex, given where one can go from each.
fn parts(out: &[Vec<u32>]) -> Vec<u32> {
    let mut part = vec![UNSEEN; out.len()];
    let (mut order, mut low) = (vec![UNSEEN; out.len()], vec![0u32; out.len()]);
    let (mut next, mut part_count) = (0u32, 0u32);
    let (mut open, mut path): (Vec<u32>, Vec<(u32, usize)>) = (Vec::new(), Vec::new());
    for root in 0..out.len() as u32 {
        if order[root as usize] != UNSEEN {
            continue;
        }
        path.push((root, 0));
        while let Some((node, child)) = path.pop() {
            let at = node as usize;
            if child == 0 {
                order[at] = next;
                low[at] = next;
                next += 1;
                open.push(node);
            }
            if let Some(&to) = out[at].get(child) {
                path.push((node, child + 1));
                let to_at = to as usize;
                if order[to_at] == UNSEEN {
                    path.push((to, 0));
                } else if part[to_at] == UNSEEN {
                    low[at] = low[at].min(order[to_at]);
                }
                continue;
            }
            if low[at] == order[at] {
                while let Some(member) = open.pop() {
                    part[member as usize] = part_count;
                    if member == node {
                        break;
                    }
                }
                part_count += 1;
            }
            if let Some(&(parent, _)) = path.last() {
                low[parent as usize] = low[parent as usize].min(low[at]);
            }
        }
    }
    part
}
