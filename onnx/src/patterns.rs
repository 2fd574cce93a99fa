//! Operators that exporters write as several others, put together again: layer normalization, GELU,
//! SiLU and hard swish.

use std::collections::{HashMap, HashSet};

use crate::read::{Attribute, Graph, Node};
use crate::tensor::Tensor;

/// Replaces each pattern by one operator, and removes what nothing reads any more.
pub(crate) fn join(graph: &mut Graph) {
    let joined: Vec<(usize, Node)> = {
        let finder = Finder::new(graph);
        (0..graph.nodes.len())
            .filter_map(|index| Some((index, finder.joined(&graph.nodes[index])?)))
            .collect()
    };
    for (index, node) in joined {
        graph.nodes[index] = node;
    }
    remove_unread(graph);
}

/// Removes nodes whose outputs nothing reads.
fn remove_unread(graph: &mut Graph) {
    let mut read: HashSet<String> = graph.outputs.iter().cloned().collect();
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.nodes).into_iter().rev() {
        if node.outputs.iter().any(|name| read.contains(name)) {
            names_in(&node, &mut read);
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
}

/// Adds all names that a node reads, also in graphs inside of it.
fn names_in(node: &Node, names: &mut HashSet<String>) {
    names.extend(node.inputs.iter().cloned());
    for attribute in node.attributes.values() {
        if let Attribute::Graph(graph) = attribute {
            names.extend(graph.outputs.iter().cloned());
            graph.nodes.iter().for_each(|node| names_in(node, names));
        }
    }
}

/// The operator of a pattern, what it reads, and its attributes.
type Found<'g> = (&'static str, &'g str, Vec<(String, Attribute)>);

/// Looks for patterns from their last node on.
struct Finder<'g> {
    nodes: HashMap<&'g str, &'g Node>,
    constants: HashMap<&'g str, &'g Tensor>,
}

impl<'g> Finder<'g> {
    fn new(graph: &'g Graph) -> Self {
        let mut nodes = HashMap::new();
        let mut constants: HashMap<&str, &Tensor> = HashMap::new();
        for (name, tensor) in &graph.constants {
            constants.insert(name, tensor);
        }
        for node in &graph.nodes {
            for output in &node.outputs {
                nodes.insert(output.as_str(), node);
                if let ("Constant", Some(tensor)) = (node.operator.as_str(), node.tensor("value")) {
                    constants.insert(output, tensor);
                }
            }
        }
        Finder { nodes, constants }
    }

    /// Returns the node of this operator that gives a name.
    fn node(&self, name: &str, operator: &str) -> Option<&'g Node> {
        let node = self.nodes.get(name)?;
        (node.operator == operator && node.domain.is_empty()).then_some(*node)
    }

    /// Returns a constant of one number.
    fn number(&self, name: &str) -> Option<f32> {
        self.constants.get(name)?.single()
    }

    fn is(&self, name: &str, number: f32) -> bool {
        let own = self.number(name);
        own.is_some_and(|own| (own - number).abs() <= 1e-4 * number.abs())
    }

    /// Returns the other input of a node with an input that is near this number.
    fn beside(&self, node: &'g Node, number: f32) -> Option<&'g str> {
        let [a, b] = &node.inputs[..] else {
            return None;
        };
        if self.is(b, number) {
            Some(a)
        } else if self.is(a, number) {
            Some(b)
        } else {
            None
        }
    }

    /// Returns what a product with a number, or a quotient by its inverse, scales.
    fn scaled(&self, name: &str, factor: f32) -> Option<&'g str> {
        if let Some(node) = self.node(name, "Mul") {
            return self.beside(node, factor);
        }
        let node = self.node(name, "Div")?;
        self.is(node.inputs.get(1)?, 1.0 / factor)
            .then(|| node.inputs[0].as_str())
    }

    /// Returns the operator whose last part this node is.
    fn joined(&self, node: &'g Node) -> Option<Node> {
        if !node.domain.is_empty() {
            return None;
        }
        let (operator, x, attributes) = match node.operator.as_str() {
            "Div" => self
                .layer_norm(node)
                .or_else(|| Some(("HardSwish", self.hard_swish(node)?, Vec::new())))?,
            "Mul" => {
                if let Some(x) = self.gelu(node) {
                    ("Gelu", x, Vec::new())
                } else if let Some(x) = self.hard_swish(node) {
                    ("HardSwish", x, Vec::new())
                } else {
                    ("Swish", self.silu(node)?, Vec::new())
                }
            }
            _ => return None,
        };
        Some(Node {
            operator: operator.to_owned(),
            inputs: vec![x.to_owned()],
            attributes: attributes.into_iter().collect(),
            ..node.clone()
        })
    }

    /// `(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)` over the last axis.
    fn layer_norm(&self, node: &'g Node) -> Option<Found<'g>> {
        let [off, deviation] = &node.inputs[..] else {
            return None;
        };
        let sub = self.node(off, "Sub")?;
        let [x, mean] = &sub.inputs[..] else {
            return None;
        };
        self.mean_of(mean, x)?;

        let root = self.node(deviation, "Sqrt")?;
        let sum = self.node(root.inputs.first()?, "Add")?;
        let [a, b] = &sum.inputs[..] else { return None };
        let (variance, epsilon) = match (self.number(a), self.number(b)) {
            (_, Some(epsilon)) => (a, epsilon),
            (Some(epsilon), None) => (b, epsilon),
            _ => return None,
        };
        let squares = self.nodes.get(variance.as_str())?.inputs.first()?;
        self.mean_of(variance, squares)?;
        let is_square = match self.node(squares, "Pow") {
            Some(power) => {
                let [base, exponent] = &power.inputs[..] else {
                    return None;
                };
                self.is_same(base, off) && self.is(exponent, 2.0)
            }
            None => {
                let product = self.node(squares, "Mul")?;
                product.inputs.iter().all(|input| self.is_same(input, off))
            }
        };
        let attributes = vec![("epsilon".to_owned(), Attribute::Float(epsilon))];
        is_square.then_some(("LayerNormalization", x, attributes))
    }

    /// Returns whether two names are one value; older exporters subtract the mean twice.
    fn is_same(&self, a: &str, b: &str) -> bool {
        a == b
            || self
                .node(a, "Sub")
                .zip(self.node(b, "Sub"))
                .is_some_and(|(a, b)| a.inputs == b.inputs)
    }

    /// Returns whether a name is the mean of another one over its last axis, which is kept.
    fn mean_of(&self, name: &str, x: &str) -> Option<()> {
        let mean = self.node(name, "ReduceMean")?;
        let axes = match mean.ints("axes").ok()? {
            Some(axes) => axes,
            None => self
                .constants
                .get(mean.inputs.get(1)?.as_str())?
                .as_ints()
                .to_vec(),
        };
        let keeps = mean.flag("keepdims", true).ok()?;
        (keeps && axes == [-1] && mean.inputs.first()? == x).then_some(())
    }

    /// `x (1 + erf(x / sqrt(2))) / 2`, whose factors may come in any order.
    fn gelu(&self, node: &'g Node) -> Option<&'g str> {
        // The factor 1/2 is the last, or belongs to `x`.
        if let Some(product) = self.beside(node, 0.5) {
            let product = self.node(product, "Mul")?;
            let [a, b] = &product.inputs[..] else {
                return None;
            };
            return self.gelu_factors(a, b, 1.0);
        }
        let [a, b] = &node.inputs[..] else {
            return None;
        };
        self.gelu_factors(a, b, 0.5)
    }

    fn gelu_factors(&self, a: &'g str, b: &'g str, factor: f32) -> Option<&'g str> {
        [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
            let x = match factor {
                1.0 => x,
                _ => self.scaled(x, factor)?,
            };
            let sum = self.node(gate, "Add")?;
            let erf = self.node(self.beside(sum, 1.0)?, "Erf")?;
            let inner = self.scaled(erf.inputs.first()?, std::f32::consts::FRAC_1_SQRT_2)?;
            (inner == x).then_some(x)
        })
    }

    /// `x sigmoid(x)`.
    fn silu(&self, node: &'g Node) -> Option<&'g str> {
        let [a, b] = &node.inputs[..] else {
            return None;
        };
        [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
            let sigmoid = self.node(gate, "Sigmoid")?;
            (sigmoid.inputs.first()? == x).then_some(x.as_str())
        })
    }

    /// `x clip(x + 3, 0, 6) / 6`.
    fn hard_swish(&self, node: &'g Node) -> Option<&'g str> {
        let product = self.scaled(node.outputs.first()?, 1.0 / 6.0)?;
        let product = self.node(product, "Mul")?;
        let [a, b] = &product.inputs[..] else {
            return None;
        };
        [(a, b), (b, a)].into_iter().find_map(|(x, gate)| {
            let clip = self.node(gate, "Clip")?;
            let limit = |index: usize, name: &str| match clip.inputs.get(index) {
                Some(input) => self.number(input),
                None => clip.float(name, f32::NAN).ok(),
            };
            let fits = limit(1, "min") == Some(0.0) && limit(2, "max") == Some(6.0);
            let sum = self.node(clip.inputs.first()?, "Add")?;
            (fits && self.beside(sum, 3.0)? == x).then_some(x.as_str())
        })
    }
}
