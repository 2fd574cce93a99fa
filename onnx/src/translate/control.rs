//! `If` and `Loop` whose conditions are known.

use super::{Meaning, Translator};
use crate::error::{Result, fail};
use crate::read::{Graph, Node};
use crate::tensor::{Kind, Tensor};

/// The largest number of steps of a loop.
const MAX_LOOP: i64 = 10_000;

impl Translator<'_> {
    pub(super) fn control(&mut self, node: &Node, inputs: &[Meaning]) -> Result<Vec<Meaning>> {
        match node.operator.as_str() {
            "If" => self.branch(node, inputs),
            _ => self.unrolled(node, inputs),
        }
    }

    fn branch(&mut self, node: &Node, inputs: &[Meaning]) -> Result<Vec<Meaning>> {
        let condition = match inputs.first() {
            Some(Meaning::Constant(condition)) => condition.single().unwrap_or(0.0) != 0.0,
            _ => fail!(
                "its condition is not known before the network runs; export the model without the \
                 branch, for example with fixed sizes"
            ),
        };
        let graph = node.graph(if condition {
            "then_branch"
        } else {
            "else_branch"
        })?;
        self.run(&graph)?;
        Ok(self.outputs_of(&graph))
    }

    fn outputs_of(&self, graph: &Graph) -> Vec<Meaning> {
        graph
            .outputs
            .iter()
            .map(|name| self.meaning(name))
            .collect()
    }

    /// A loop is the list of its steps.
    fn unrolled(&mut self, node: &Node, inputs: &[Meaning]) -> Result<Vec<Meaning>> {
        let number = |index: usize| match inputs.get(index) {
            Some(Meaning::Constant(tensor)) => Ok(Some(tensor.as_ints().first().copied())),
            Some(Meaning::Computed(_)) => {
                fail!("its number of steps is not known before the network runs")
            }
            _ => Ok(None),
        };
        let count = number(0)?.flatten();
        let mut goes_on = number(1)?.flatten().is_none_or(|flag| flag != 0);
        let body = node.graph("body")?;
        let mut carried = inputs.get(2..).unwrap_or_default().to_vec();
        if body.inputs.len() != carried.len() + 2 || body.outputs.len() <= carried.len() {
            fail!("its body has other inputs or outputs than it has");
        }

        let mut step = 0;
        while goes_on && count.is_none_or(|count| step < count) {
            if step >= MAX_LOOP {
                fail!("it has more than {MAX_LOOP} steps");
            }
            self.name(
                &body.inputs[0].name,
                Meaning::Constant(Tensor::ints(&[], vec![step])),
            );
            let flag = Tensor {
                kind: Kind::Bool,
                ..Tensor::ints(&[], vec![1])
            };
            self.name(&body.inputs[1].name, Meaning::Constant(flag));
            for (input, meaning) in body.inputs[2..].iter().zip(&carried) {
                self.name(&input.name, meaning.clone());
            }
            self.loops += 1;
            let run = self.run(&body);
            self.loops -= 1;
            run?;

            let outputs = self.outputs_of(&body);
            goes_on = match &outputs[0] {
                Meaning::Constant(flag) => flag.single().unwrap_or(0.0) != 0.0,
                _ => fail!("whether it goes on is not known before the network runs"),
            };
            if outputs.len() > carried.len() + 1 {
                fail!("it collects an output of each step, which is not supported");
            }
            carried = outputs[1..].to_vec();
            step += 1;
        }
        Ok(carried)
    }
}
