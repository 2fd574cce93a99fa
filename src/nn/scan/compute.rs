//! The passes of a scan: the cell's, step after step, on all samples at a time.

use super::Scan;
use super::shape::CellShapes;
use crate::kernels::Kernels;
use crate::memory::{flatten, flatten_mut, tensors, tensors_mut};
use crate::network::{
    ActivationStore, BackwardInput, BackwardParams, Batching, Forward, ForwardTrain, Infer,
    LayerInput, LayerOutputs, MAX_SOURCES, Needs, Network, OutputKind, ShapeRule, StepStores,
    Train,
};
use crate::nn::add_to;
#[cfg(feature = "onnx-export")]
use crate::nn::export::{Export, Exported, scan::unroll};
use crate::params::FeatureOrder;
use crate::sizes;
use crate::tensor::{Dims, Element, Shape, Tensor};

/// The position of some numbers in the row of each sample.
#[derive(Clone, Copy)]
struct Columns {
    /// The length of a row.
    row: usize,
    first: usize,
}

/// Copies `len` numbers of each row.
fn copy_columns<T: Copy>(from: &[T], at: Columns, to: &mut [T], to_at: Columns, len: usize) {
    let rows = from.chunks_exact(at.row);
    for (from, to) in rows.zip(to.chunks_exact_mut(to_at.row)) {
        to[to_at.first..][..len].copy_from_slice(&from[at.first..][..len]);
    }
}

/// The sizes of a scan, in numbers per sample.
#[derive(Clone, Copy)]
struct Spec {
    steps: usize,
    /// The input and the output of a step.
    x: usize,
    y: usize,
    /// All states.
    states: usize,
    /// The numbers that the cell reads, `[x | states]`, and those that it gives, `[y | states]`.
    cell_input: usize,
    cell_output: usize,
    /// The output of the layer.
    output: usize,
    initial: bool,
}

impl Spec {
    const fn new<Cell: Network, In: LayerInput, Out: Shape>(initial: bool) -> Self {
        let input = <Cell::Input as Shape>::DIMS;
        let output = <Cell::Output as Shape>::DIMS;
        let x = first_part(input).len();
        Spec {
            steps: first_part(In::DIMS).size(0),
            x,
            y: first_part(output).len(),
            states: input.len().saturating_sub(x),
            cell_input: input.len(),
            cell_output: output.len(),
            output: Out::LEN,
            initial,
        }
    }

    /// Returns the step `t` of the inputs.
    fn input_of(&self, t: usize) -> Columns {
        Columns {
            row: self.steps * self.x,
            first: t * self.x,
        }
    }

    /// Returns the step `t` of the outputs; behind the last are the states.
    fn output_of(&self, t: usize) -> Columns {
        Columns {
            row: self.output,
            first: t * self.y,
        }
    }

    /// Returns the input of the step among what the cell reads.
    fn x(&self) -> Columns {
        Columns {
            row: self.cell_input,
            first: 0,
        }
    }

    /// Returns the states among what the cell reads.
    fn states_read(&self) -> Columns {
        Columns {
            row: self.cell_input,
            first: self.x,
        }
    }

    /// Returns the output of the step among what the cell gives.
    fn y(&self) -> Columns {
        Columns {
            row: self.cell_output,
            first: 0,
        }
    }

    /// Returns the states among what the cell gives. They may be its output.
    fn states_given(&self) -> Columns {
        Columns {
            row: self.cell_output,
            first: self.cell_output - self.states,
        }
    }

    /// Copies the first states to what the cell reads, or sets them to 0.
    fn begin<T: Element>(&self, sources: &[&[T]; MAX_SOURCES], cell_inputs: &mut [T]) {
        let mut at = self.states_read();
        if !self.initial {
            for row in cell_inputs.chunks_exact_mut(at.row) {
                row[at.first..].fill(T::zero());
            }
            return;
        }

        let samples = cell_inputs.len() / at.row;
        for source in &sources[1..] {
            let len = source.len() / samples.max(1);
            if len > 0 {
                copy_columns(source, Columns { row: len, first: 0 }, cell_inputs, at, len);
            }
            at.first += len;
        }
    }

    /// Copies the gradient of the first states to the sources that they came from.
    fn end_backward<T: Element>(
        &self,
        gradients: &mut [Option<&mut [T]>; MAX_SOURCES],
        lens: &[usize; MAX_SOURCES],
        cell_gradients: &[T],
    ) {
        let mut at = self.states_read();
        for (gradient, &len) in gradients.iter_mut().zip(lens).skip(1) {
            if let Some(gradient) = gradient {
                copy_columns(
                    cell_gradients,
                    at,
                    gradient,
                    Columns { row: len, first: 0 },
                    len,
                );
            }
            at.first += len;
        }
    }
}

/// Returns the first part of a tuple, or the shape itself.
const fn first_part(dims: Dims) -> Dims {
    match dims.parts() {
        [first, ..] => *first,
        [] => dims,
    }
}

impl<Cell, In, Out, T, const INITIAL: bool, const FINAL: bool, const STEPS: usize> Infer<In, Out, T>
    for Scan<Cell, INITIAL, FINAL, STEPS>
where
    Self: ShapeRule<In>,
    Cell: Network<Element = T>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
    const ORDER: FeatureOrder = match CellShapes::of::<Cell>().has_steps_of_axes() {
        true => FeatureOrder::Steps,
        false => FeatureOrder::Makes,
    };
    const OUTPUT_KIND: OutputKind = <Cell as Infer<Cell::Input, Cell::Output, T>>::OUTPUT_KIND;
    const MULTIPLY_ADDS: usize = sizes::product(&[
        Spec::new::<Cell, In, Out>(INITIAL).steps,
        <Cell as Infer<Cell::Input, Cell::Output, T>>::MULTIPLY_ADDS,
    ]);
    const BATCHING: Batching = Batching::All;
    const NEEDS: Needs = {
        let spec = Spec::new::<Cell, In, Out>(INITIAL);
        let cell = Needs {
            state: 0,
            ..<Cell as Infer<Cell::Input, Cell::Output, T>>::NEEDS
        };
        let needs = Needs::NONE
            .per_sample::<T>(spec.cell_input)
            .per_sample::<T>(spec.cell_output)
            .and(cell);
        // With an initial state, each call begins with that.
        if INITIAL {
            needs
        } else {
            needs.state::<T>(spec.states)
        }
    };

    fn forward(call: Forward<'_, Self, In, Out, T>) {
        let Forward {
            params,
            x,
            y,
            mut scratch,
            mut thread_memory,
            state,
            cx,
            ..
        } = call;
        let spec = const { &Spec::new::<Cell, In, Out>(INITIAL) };
        let samples = y.len();
        let sources = In::elements(x);
        let y = flatten_mut(y);
        let cell_inputs = scratch.take::<T>(spec.cell_input);
        let cell_outputs = scratch.take::<T>(spec.cell_output);

        // A stream has one sample.
        let mut kept = state
            .filter(|_| !INITIAL)
            .map(|mut state| state.take::<T>(spec.states));
        match &kept {
            Some(kept) => cell_inputs[spec.x..].copy_from_slice(kept),
            None => spec.begin(&sources, cell_inputs),
        }

        for t in 0..spec.steps {
            copy_columns(sources[0], spec.input_of(t), cell_inputs, spec.x(), spec.x);
            <Cell as Infer<Cell::Input, Cell::Output, T>>::forward(Forward {
                config: &(),
                params,
                x: tensors(cell_inputs, samples),
                y: tensors_mut(cell_outputs, samples),
                scratch: scratch.reborrow(),
                thread_memory: thread_memory.reborrow(),
                state: None,
                cx: &cx.layer(t),
            });
            cx.kernels.flush_denormals(cell_outputs);
            copy_columns(cell_outputs, spec.y(), y, spec.output_of(t), spec.y);
            let (given, read) = (spec.states_given(), spec.states_read());
            copy_columns(cell_outputs, given, cell_inputs, read, spec.states);
        }

        if FINAL {
            let end = spec.output_of(spec.steps);
            copy_columns(cell_outputs, spec.states_given(), y, end, spec.states);
        }
        if let Some(kept) = &mut kept {
            kept.copy_from_slice(&cell_inputs[spec.x..]);
        }
    }

    #[cfg(feature = "onnx-export")]
    fn export(_: &(), params: &Cell, call: Export<'_>) -> Exported {
        let read = <Cell::Input as Shape>::DIMS;
        let given = <Cell::Output as Shape>::DIMS;
        unroll(call, read, INITIAL, FINAL, |step| {
            let cell = Export {
                layer: step.layer,
                name: step.name,
                sources: step.sources,
                inputs: &[read],
                output: given,
                graph: step.graph,
            };
            <Cell as Infer<Cell::Input, Cell::Output, T>>::export(&(), params, cell)
        })
    }
}

/// The memory of a step in training: what the cell reads and gives, the gradient of the latter, and
/// the memory of the cell.
struct Step<'a, Cell: Network> {
    inputs: &'a mut [Tensor<Cell::Input, Cell::Element>],
    outputs: &'a mut [Tensor<Cell::Output, Cell::Element>],
    gradients: &'a mut [Tensor<Cell::Output, Cell::Element>],
    cell: ActivationStore<'a>,
}

impl<'a, Cell: Network> Step<'a, Cell>
where
    Cell: Train<Cell::Input, Cell::Output, Cell::Element>,
{
    const NEEDS: Needs = Needs::NONE
        .per_sample::<Cell::Element>(<Cell::Input as Shape>::LEN)
        .per_sample::<Cell::Element>(<Cell::Output as Shape>::LEN)
        .per_sample::<Cell::Element>(<Cell::Output as Shape>::LEN)
        .and(<Cell as Train<Cell::Input, Cell::Output, Cell::Element>>::TRAIN_NEEDS);

    fn new(mut store: ActivationStore<'a>) -> Self {
        Step {
            inputs: store.take_tensors(),
            outputs: store.take_tensors(),
            gradients: store.take_tensors(),
            cell: store,
        }
    }

    /// Takes the memory of all steps, and that for what the cell reads in one step, or its gradient.
    #[allow(clippy::type_complexity)]
    fn take(
        steps: usize,
        cache: &mut ActivationStore<'a>,
    ) -> (StepStores<'a>, &'a mut [Tensor<Cell::Input, Cell::Element>]) {
        let stores = cache.take_steps(steps, Self::NEEDS.per_sample);
        (stores, cache.take_tensors())
    }
}

impl<Cell, In, Out, T, const INITIAL: bool, const FINAL: bool, const STEPS: usize> Train<In, Out, T>
    for Scan<Cell, INITIAL, FINAL, STEPS>
where
    Self: ShapeRule<In>,
    Cell: Network<Element = T> + Train<Cell::Input, Cell::Output, T>,
    In: LayerInput,
    Out: Shape,
    T: Element,
{
    const READS_OUTPUT: bool = false;
    const OVERWRITES: bool = <Cell as Train<Cell::Input, Cell::Output, T>>::OVERWRITES;
    const TRAIN_NEEDS: Needs = {
        let batching = <Cell as Infer<Cell::Input, Cell::Output, T>>::BATCHING;
        assert!(
            !matches!(batching, Batching::WholeBatch),
            "`Scan` trains no cell with a layer that needs the whole batch in one call"
        );
        let spec = Spec::new::<Cell, In, Out>(INITIAL);
        Step::<Cell>::NEEDS
            .times(spec.steps)
            .per_sample::<T>(spec.cell_input)
    };

    fn forward_train(call: ForwardTrain<'_, Self, In, Out, T>) {
        let ForwardTrain {
            params,
            x,
            y,
            mut cache,
            mut thread_memory,
            cx,
            ..
        } = call;
        let spec = const { &Spec::new::<Cell, In, Out>(INITIAL) };
        let sources = In::elements(x);
        let y = flatten_mut(y);
        let (mut stores, next) = Step::<Cell>::take(spec.steps, &mut cache);
        spec.begin(&sources, flatten_mut(next));

        for t in 0..spec.steps {
            let Step {
                inputs,
                outputs,
                cell,
                ..
            } = Step::<Cell>::new(stores.step(t));
            let next = flatten_mut(next);
            copy_columns(sources[0], spec.input_of(t), next, spec.x(), spec.x);
            flatten_mut(inputs).copy_from_slice(next);

            <Cell as Train<Cell::Input, Cell::Output, T>>::forward_train(ForwardTrain {
                config: &(),
                params,
                x: inputs,
                y: outputs,
                cache: cell,
                thread_memory: thread_memory.reborrow(),
                cx: &cx.layer(t),
            });

            let outputs = flatten_mut(outputs);
            cx.kernels.flush_denormals(outputs);
            let outputs = &*outputs;
            copy_columns(outputs, spec.y(), y, spec.output_of(t), spec.y);
            let (given, read) = (spec.states_given(), spec.states_read());
            copy_columns(outputs, given, next, read, spec.states);
            if FINAL && t + 1 == spec.steps {
                copy_columns(outputs, given, y, spec.output_of(spec.steps), spec.states);
            }
        }
    }

    fn backward_input(call: BackwardInput<'_, Self, In, Out, T>) {
        let BackwardInput {
            params,
            mut cache,
            dy,
            dx,
            mut thread_memory,
            cx,
            ..
        } = call;
        let spec = const { &Spec::new::<Cell, In, Out>(INITIAL) };
        let dy = flatten(dy);
        let mut dx = In::gradient_elements(dx);
        let is_asked = dx.iter().any(Option::is_some);
        let (mut stores, read_gradients) = Step::<Cell>::take(spec.steps, &mut cache);

        for t in (0..spec.steps).rev() {
            let Step {
                inputs,
                outputs,
                gradients,
                cell,
            } = Step::<Cell>::new(stores.step(t));

            // The states go to the next step, or out of the layer behind the last one.
            let from_outputs = flatten_mut(gradients);
            let given = spec.states_given();
            if t + 1 < spec.steps {
                let read = spec.states_read();
                copy_columns(
                    flatten(read_gradients),
                    read,
                    from_outputs,
                    given,
                    spec.states,
                );
            } else if FINAL {
                let end = spec.output_of(spec.steps);
                copy_columns(dy, end, from_outputs, given, spec.states);
            } else {
                from_outputs.fill(T::zero());
            }
            if given.first > 0 {
                copy_columns(dy, spec.output_of(t), from_outputs, spec.y(), spec.y);
            } else {
                // The output of the cell is its state as well.
                add_columns(dy, spec.output_of(t), from_outputs, spec.y);
            }
            cx.kernels.flush_denormals(from_outputs);

            <Cell as Train<Cell::Input, Cell::Output, T>>::backward_input(BackwardInput {
                config: &(),
                params,
                x: inputs,
                y: LayerOutputs::from(&*outputs),
                cache: cell,
                dy: gradients,
                dx: (t > 0 || is_asked).then_some(&mut *read_gradients),
                thread_memory: thread_memory.reborrow(),
                cx: &cx.layer(t),
            });
            if let Some(dx) = &mut dx[0] {
                let gradients = flatten(read_gradients);
                copy_columns(gradients, spec.x(), dx, spec.input_of(t), spec.x);
            }
        }

        spec.end_backward(&mut dx, &In::LENS, flatten(read_gradients));
    }

    /// Computes the gradients of all steps at once: each step of a sample is a row of the products.
    fn backward_params(call: BackwardParams<'_, Self, In, Out, T>) {
        let BackwardParams {
            params,
            mut cache,
            gradient,
            thread_memory,
            cx,
            ..
        } = call;
        let spec = const { &Spec::new::<Cell, In, Out>(INITIAL) };
        let (stores, _) = Step::<Cell>::take(spec.steps, &mut cache);
        let Step {
            inputs,
            outputs,
            gradients,
            cell,
        } = Step::<Cell>::new(stores.all());

        <Cell as Train<Cell::Input, Cell::Output, T>>::backward_params(BackwardParams {
            config: &(),
            params,
            x: inputs,
            y: LayerOutputs::from(&*outputs),
            cache: cell,
            dy: gradients,
            gradient,
            thread_memory,
            cx: &cx.of_steps(spec.steps),
        });
    }
}

/// Adds `len` numbers of each row to the first ones of the rows of `to`, which have that length.
fn add_columns<T: Element>(from: &[T], at: Columns, to: &mut [T], len: usize) {
    let rows = from.chunks_exact(at.row);
    for (from, to) in rows.zip(to.chunks_exact_mut(len)) {
        add_to(to, &from[at.first..][..len]);
    }
}
