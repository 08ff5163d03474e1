use std::collections::BTreeSet;

/// Returns the strongly connected components of a graph (Tarjan's algorithm).
pub(crate) fn strongly_connected(successors: &[Vec<usize>]) -> Vec<BTreeSet<usize>> {
    let mut search = Search {
        successors,
        index: vec![None; successors.len()],
        low: vec![0; successors.len()],
        stack: Vec::new(),
        visited: 0,
        components: Vec::new(),
    };
    for node in 0..successors.len() {
        if search.index[node].is_none() {
            search.start_server(node);
        }
    }
    search.components
}

struct Search<'a> {
    successors: &'a [Vec<usize>],
    /// The order in which nodes were visited.
    index: Vec<Option<usize>>,
    /// The least index of a node on the stack that can be reached.
    low: Vec<usize>,
    stack: Vec<usize>,
    visited: usize,
    components: Vec<BTreeSet<usize>>,
}

impl Search<'_> {
    fn start_server(&mut self, node: usize) {
        self.index[node] = Some(self.visited);
        self.low[node] = self.visited;
        self.visited += 1;
        self.stack.push(node);
        for &next in &self.successors[node] {
            match self.index[next] {
                None => {
                    self.start_server(next);
                    self.low[node] = self.low[node].min(self.low[next]);
                }
                Some(index) if self.stack.contains(&next) => {
                    self.low[node] = self.low[node].min(index);
                }
                Some(_) => {}
            }
        }
        if Some(self.low[node]) == self.index[node] {
            let start = self.stack.iter().position(|it| *it == node);
            let component = self.stack.split_off(start.expect("it is on the stack"));
            self.components.push(component.into_iter().collect());
        }
    }
}
