//! Functions of single numbers.

use core::f64::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use super::{Attribute, Export, Exported, Graph};
use crate::kernels::function;

/// Writes a function that is one operator, with further operands that are the same for all numbers.
pub(in crate::nn) fn function(call: Export<'_>, operator: &str, operands: &[f64]) -> Exported {
    call.map(|graph, x| {
        let operands: Vec<String> = operands.iter().map(|&x| graph.scalar(x)).collect();
        let mut inputs = vec![x];
        inputs.extend(operands.iter().map(String::as_str));
        graph.node(operator, &inputs, &[])
    })
}

/// A function of single numbers that can be written.
pub(in crate::nn) trait WriteFunction {
    /// Adds the nodes that compute it, and returns the name of the result.
    fn write(&self, graph: &mut Graph, x: &str) -> String;
}

/// Implements the trait for functions that are one operator.
macro_rules! operators {
    ($($function:ident: $operator:literal;)*) => { $(
        impl WriteFunction for function::$function {
            fn write(&self, graph: &mut Graph, x: &str) -> String {
                graph.node($operator, &[x], &[])
            }
        }
    )* };
}
operators! {
    Tanh: "Tanh";
    Sigmoid: "Sigmoid";
    Softsign: "Softsign";
    HardSwish: "HardSwish";
}

impl WriteFunction for function::Clamp {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let [min, max] = [self.min, self.max].map(|bound| graph.scalar(bound));
        graph.node("Clip", &[x, &min, &max], &[])
    }
}

impl WriteFunction for function::LogSigmoid {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let negative = graph.node("Neg", &[x], &[]);
        let softplus = graph.node("Softplus", &[&negative], &[]);
        graph.node("Neg", &[&softplus], &[])
    }
}

impl WriteFunction for function::HardSigmoid {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let attributes = [
            Attribute::Float("alpha", 1.0 / 6.0),
            Attribute::Float("beta", 0.5),
        ];
        graph.node("HardSigmoid", &[x], &attributes)
    }
}

impl WriteFunction for function::Leaky {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        graph.node("LeakyRelu", &[x], &[Attribute::Float("alpha", self.slope)])
    }
}

impl WriteFunction for function::Elu {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        if self.above == 1.0 && self.rate == 1.0 {
            return graph.node("Elu", &[x], &[Attribute::Float("alpha", self.below)]);
        }
        let zero = graph.scalar(0.0);
        let [above, below, rate] = [self.above, self.below, self.rate].map(|f| graph.scalar(f));
        let one = graph.scalar(1.0);

        let negative = graph.node("Min", &[x, &zero], &[]);
        let exponent = graph.node("Mul", &[&negative, &rate], &[]);
        let power = graph.node("Exp", &[&exponent], &[]);
        let less = graph.node("Sub", &[&power, &one], &[]);
        let below = graph.node("Mul", &[&less, &below], &[]);
        let positive = graph.node("Max", &[x, &zero], &[]);
        let above = graph.node("Mul", &[&positive, &above], &[]);
        graph.node("Add", &[&above, &below], &[])
    }
}

/// Returns `0.5 x (1 + gate)`.
fn half_gated(graph: &mut Graph, x: &str, gate: &str) -> String {
    let [half, one] = [0.5, 1.0].map(|number| graph.scalar(number));
    let sum = graph.node("Add", &[gate, &one], &[]);
    let product = graph.node("Mul", &[x, &sum], &[]);
    graph.node("Mul", &[&product, &half], &[])
}

impl WriteFunction for function::Gelu {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let factor = graph.scalar(FRAC_1_SQRT_2);
        let scaled = graph.node("Mul", &[x, &factor], &[]);
        let erf = graph.node("Erf", &[&scaled], &[]);
        half_gated(graph, x, &erf)
    }
}

impl WriteFunction for function::GeluTanh {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let [cubic, factor] = [0.044_715, FRAC_2_PI.sqrt()].map(|number| graph.scalar(number));
        let square = graph.node("Mul", &[x, x], &[]);
        let cube = graph.node("Mul", &[&square, x], &[]);
        let term = graph.node("Mul", &[&cube, &cubic], &[]);
        let sum = graph.node("Add", &[x, &term], &[]);
        let scaled = graph.node("Mul", &[&sum, &factor], &[]);
        let tanh = graph.node("Tanh", &[&scaled], &[]);
        half_gated(graph, x, &tanh)
    }
}

impl WriteFunction for function::Silu {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let gate = graph.node("Sigmoid", &[x], &[]);
        graph.node("Mul", &[x, &gate], &[])
    }
}

impl WriteFunction for function::Mish {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let softplus = graph.node("Softplus", &[x], &[]);
        let gate = graph.node("Tanh", &[&softplus], &[]);
        graph.node("Mul", &[x, &gate], &[])
    }
}

impl WriteFunction for function::Softplus {
    fn write(&self, graph: &mut Graph, x: &str) -> String {
        let [beta, threshold] = [self.beta, self.threshold].map(|number| graph.scalar(number));
        let scaled = graph.node("Mul", &[x, &beta], &[]);
        let softplus = graph.node("Softplus", &[&scaled], &[]);
        let y = graph.node("Div", &[&softplus, &beta], &[]);
        let is_linear = graph.node("Greater", &[&scaled, &threshold], &[]);
        graph.node("Where", &[&is_linear, x, &y], &[])
    }
}
