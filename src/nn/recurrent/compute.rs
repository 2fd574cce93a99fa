//! The passes of recurrent layers, on slices.

use super::shape::Options;
use crate::kernels::{
    Kernels, Matrix, Product, Recurrent, RecurrentCell, RecurrentGrad, RecurrentWeights, Start,
    recurrent_grad,
};
use crate::memory::{Scratch, StateMemory, ThreadMemory};
use crate::network::{ActivationStore, Context, LayerInput, MAX_SOURCES, Needs};
use crate::nn::kernel_needs::{product_needs, weight_grad_needs};
use crate::tensor::Element;
use crate::{sizes, threads};

/// The sizes of a recurrent layer on one input shape.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    inputs: usize,
    hidden: usize,
    layers: usize,
    directions: usize,
    steps: usize,
    /// The number of all gates.
    gates: usize,
    bias: bool,
    masked: bool,
    initial: bool,
    /// True if the last states are outputs as well.
    last: bool,
    has_cells: bool,
}

/// The inputs of a pass.
#[derive(Clone, Copy)]
pub(super) struct Tensors<'a, T> {
    pub samples: usize,
    pub sources: [&'a [T]; MAX_SOURCES],
    /// The number of elements of the output of a sample.
    pub row: usize,
}

/// A layer and a direction of it.
#[derive(Clone, Copy)]
struct Place {
    layer: usize,
    direction: usize,
}

impl Spec {
    pub const fn new<In: LayerInput>(options: Options, bias: bool) -> Self {
        // A layer that does not fit, which is reported, may have no steps.
        let dims = if In::SOURCES > 1 {
            In::DIMS.parts()[0]
        } else {
            In::DIMS
        };
        let [steps, inputs] = match *dims.sizes() {
            [steps, inputs] => [steps, inputs],
            _ => [0, 0],
        };

        Spec {
            inputs,
            hidden: options.hidden,
            layers: options.layers,
            directions: options.directions(),
            steps,
            gates: sizes::product(&[options.gates, options.hidden]),
            bias,
            masked: options.masked,
            initial: options.initial,
            last: options.last,
            has_cells: options.has_cells,
        }
    }

    /// Returns the number of inputs of a layer.
    #[inline]
    const fn inputs_of(&self, layer: usize) -> usize {
        if layer == 0 {
            self.inputs
        } else {
            self.width()
        }
    }

    /// Returns the number of outputs of a step.
    #[inline]
    const fn width(&self) -> usize {
        sizes::product(&[self.directions, self.hidden])
    }

    /// Returns the number of elements of a layer's output.
    #[inline]
    const fn output(&self) -> usize {
        sizes::product(&[self.steps, self.width()])
    }

    /// Returns the number of elements of a state of all layers.
    #[inline]
    const fn states(&self) -> usize {
        sizes::product(&[self.layers, self.width()])
    }

    /// Returns the number of parameters of a direction of a layer.
    #[inline]
    const fn len(&self, layer: usize) -> usize {
        let rows = sizes::sum(&[self.inputs_of(layer), self.hidden, 2 * self.bias as usize]);
        sizes::product(&[rows, self.gates])
    }

    /// Returns the position of the parameters of a direction of a layer.
    #[inline]
    fn first(&self, place: Place) -> usize {
        let before = if place.layer == 0 {
            0
        } else {
            self.directions * (self.len(0) + (place.layer - 1) * self.len(1))
        };
        before + place.direction * self.len(place.layer)
    }

    /// Returns the weights of a direction of a layer.
    #[inline]
    fn weights<'a, T>(&self, params: &'a [T], place: Place) -> RecurrentWeights<'a, T> {
        let params = &params[self.first(place)..][..self.len(place.layer)];
        let (ih, rest) = params.split_at(self.inputs_of(place.layer) * self.gates);
        let (hh, biases) = rest.split_at(self.hidden * self.gates);
        let (bias_ih, bias_hh) = biases.split_at(biases.len() / 2);
        RecurrentWeights {
            ih,
            hh,
            bias_ih,
            bias_hh,
        }
    }

    /// Returns the sum over all layers of what one of them takes.
    const fn total(&self, of_first: usize, of_later: usize) -> usize {
        let later = sizes::product(&[self.layers.saturating_sub(1), of_later]);
        sizes::product(&[self.directions, sizes::sum(&[of_first, later])])
    }

    pub const fn multiply_adds(&self) -> usize {
        let first = sizes::sum(&[self.inputs, self.hidden]);
        let later = sizes::sum(&[self.width(), self.hidden]);
        sizes::product(&[self.steps, self.gates, self.total(first, later)])
    }

    /// Returns the number of outputs of lower layers that inference keeps at a time.
    const fn buffers(&self) -> usize {
        match self.layers {
            0 | 1 => 0,
            2 => 1,
            _ => 2,
        }
    }

    /// Returns the memory for inference.
    pub const fn needs<T: Element, C: RecurrentCell>(&self, has_halves: bool) -> Needs {
        let mut needs = Needs::NONE
            .per_sample::<T>(self.hidden)
            .per_sample::<T>(self.hidden);
        if self.has_cells {
            needs = needs.per_sample::<T>(self.hidden);
        }
        if has_halves {
            needs = needs.per_sample::<T>(sizes::product(&[C::KEPT, self.hidden]));
        }
        let mut i = 0;
        while i < self.buffers() {
            needs = needs.per_sample::<T>(self.output());
            i += 1;
        }

        // With an initial state, each call begins with that.
        if self.initial {
            return needs;
        }
        needs = needs.state::<T>(self.states());
        if self.has_cells {
            needs = needs.state::<T>(self.states());
        }
        needs
    }

    /// Returns the memory for training.
    pub const fn train_needs<T: Element, C: RecurrentCell>(&self) -> Needs {
        // In the order of `Cache`.
        let mut needs = Needs::NONE
            .per_sample::<T>(self.hidden)
            .per_sample::<T>(self.hidden);
        if self.has_cells {
            needs = needs
                .per_sample::<T>(self.hidden)
                .per_sample::<T>(self.hidden);
        }
        if self.layers > 1 {
            needs = needs.per_sample::<T>(self.output());
        }

        let states = sizes::product(&[self.steps, self.hidden]);
        let mut each = Needs::NONE
            .per_sample::<T>(sizes::product(&[C::KEPT, states]))
            .per_sample::<T>(states);
        if self.has_cells {
            each = each.per_sample::<T>(states);
        }
        let all = each.times(self.directions);
        let outputs = Needs::NONE.per_sample::<T>(self.output());
        needs = needs
            .and(all.times(self.layers))
            .and(outputs.times(self.layers.saturating_sub(1)));

        needs.and(self.thread_needs::<T, C>()).in_training()
    }

    /// Returns the memory for each thread in training.
    const fn thread_needs<T: Element, C: RecurrentCell>(&self) -> Needs {
        let transposed = Needs::NONE.per_thread::<T>(sizes::product(&[self.gates, self.hidden]));
        let through_states = product_needs::<T>(usize::MAX, self.hidden, self.gates, false);
        let mut needs = transposed.and(through_states);

        let mut layer = 0;
        while layer < 2 {
            let inputs = self.inputs_of(layer);
            needs = needs
                .or(product_needs::<T>(usize::MAX, inputs, self.gates, true))
                .or(weight_grad_needs::<T>(inputs, self.gates));
            layer += 1;
        }
        needs
            .or(weight_grad_needs::<T>(self.hidden, self.gates))
            .or(Needs::NONE.per_thread::<T>(sizes::product(&[C::KEPT, self.hidden])))
    }

    /// Returns the mask; empty if there is none.
    #[inline]
    fn mask<'a, T>(&self, tensors: &Tensors<'a, T>) -> &'a [T] {
        if self.masked { tensors.sources[1] } else { &[] }
    }

    /// Returns the index of the source with the initial state.
    #[inline]
    fn initial_source(&self) -> usize {
        1 + usize::from(self.masked)
    }
}

/// Copies the initial states of a place from a source, or sets them to 0.
#[inline]
fn begin<T: Element>(
    spec: &Spec,
    tensors: &Tensors<'_, T>,
    part: usize,
    place: Place,
    h: &mut [T],
) {
    if !spec.initial {
        return h.fill(T::zero());
    }
    let states = spec.states();
    let first = state_position(spec, place);
    let source = tensors.sources[spec.initial_source() + part].chunks_exact(states);
    for (h, source) in h.chunks_exact_mut(spec.hidden).zip(source) {
        h.copy_from_slice(&source[first..][..spec.hidden]);
    }
}

/// Returns the position of the state of a place among those of all.
#[inline]
fn state_position(spec: &Spec, place: Place) -> usize {
    (place.layer * spec.directions + place.direction) * spec.hidden
}

/// Copies the last states of a place to their place in the outputs.
#[inline]
fn end<T: Element>(spec: &Spec, part: usize, place: Place, h: &[T], y: &mut [T], row: usize) {
    if !spec.last {
        return;
    }
    let first = spec.output() + part * spec.states() + state_position(spec, place);
    for (h, y) in h.chunks_exact(spec.hidden).zip(y.chunks_exact_mut(row)) {
        y[first..][..spec.hidden].copy_from_slice(h);
    }
}

/// Computes a pass for inference.
#[inline(always)]
#[allow(clippy::too_many_arguments)]
pub(super) fn forward<T: Element, C: RecurrentCell>(
    spec: &Spec,
    cell: C,
    params: &[T],
    tensors: Tensors<'_, T>,
    y: &mut [T],
    mut scratch: Scratch<'_>,
    state: Option<StateMemory<'_>>,
    cx: &Context<T>,
) {
    let hidden = spec.hidden;
    let cells = if spec.has_cells { hidden } else { 0 };
    let own_h = scratch.take(hidden);
    let next = scratch.take(hidden);
    let own_c = scratch.take(cells);
    let room = if cell.has_halves() {
        scratch.take(C::KEPT * hidden)
    } else {
        &mut []
    };
    let mut buffers = [&mut [][..], &mut []];
    for buffer in buffers.iter_mut().take(spec.buffers()) {
        *buffer = scratch.take(spec.output());
    }

    let state = state.filter(|_| !spec.initial);
    let mut states = state.map(|mut state| {
        let h = state.take::<T>(spec.states());
        let c = if spec.has_cells {
            state.take::<T>(spec.states())
        } else {
            &mut []
        };
        (h, c)
    });

    for layer in 0..spec.layers {
        let is_last = layer + 1 == spec.layers;
        let [even, odd] = &mut buffers;
        let (to, from) = if layer % 2 == 0 {
            (even, odd)
        } else {
            (odd, even)
        };

        for direction in 0..spec.directions {
            let place = Place { layer, direction };
            let at = state_position(spec, place);
            let (h, c) = match &mut states {
                Some((h, c)) => (
                    &mut h[at..][..hidden],
                    if spec.has_cells {
                        &mut c[at..][..hidden]
                    } else {
                        &mut []
                    },
                ),
                None => {
                    begin(spec, &tensors, 0, place, own_h);
                    if spec.has_cells {
                        begin(spec, &tensors, 1, place, own_c);
                    }
                    (&mut *own_h, &mut *own_c)
                }
            };

            let first = direction * hidden;
            let (output, sample) = if is_last {
                (&mut y[first..], tensors.row)
            } else {
                (&mut to[first..], spec.output())
            };
            cx.kernels.recurrent(
                cell,
                &mut Recurrent {
                    samples: tensors.samples,
                    steps: spec.steps,
                    inputs: spec.inputs_of(layer),
                    hidden,
                    reversed: direction == 1,
                    weights: spec.weights(params, place),
                    x: if layer == 0 { tensors.sources[0] } else { from },
                    mask: spec.mask(&tensors),
                    h: &mut *h,
                    c: &mut *c,
                    next: &mut *next,
                    y: output,
                    y_strides: [sample, spec.width()],
                    kept: &mut *room,
                    keeps: false,
                    cells: &mut [],
                    before: &mut [],
                },
            );

            end(spec, 0, place, h, y, tensors.row);
            if spec.has_cells {
                end(spec, 1, place, c, y, tensors.row);
            }
        }
    }
}

/// The values that forward keeps for all layers, and memory that a pass may overwrite.
struct Cache<'a, T: Element> {
    /// The state, or its gradient; room for another.
    h: &'a mut [T],
    next: &'a mut [T],
    /// The cell state, or its gradient; that before the first step.
    c: &'a mut [T],
    first_cells: &'a mut [T],
    /// The gradient of the output of a lower layer.
    flow: &'a mut [T],
    layers: ActivationStore<'a>,
}

/// The values that forward keeps of one direction of a layer.
struct Kept<'a, T> {
    kept: &'a mut [T],
    before: &'a mut [T],
    cells: &'a mut [T],
}

impl<'a, T: Element> Cache<'a, T> {
    fn new(spec: &Spec, mut store: ActivationStore<'a>) -> Self {
        let h = store.take(spec.hidden);
        let next = store.take(spec.hidden);
        let (c, first_cells) = if spec.has_cells {
            (store.take(spec.hidden), store.take(spec.hidden))
        } else {
            (&mut [][..], &mut [][..])
        };
        let flow = if spec.layers > 1 {
            store.take(spec.output())
        } else {
            &mut []
        };
        Cache {
            h,
            next,
            c,
            first_cells,
            flow,
            layers: store,
        }
    }

    /// Takes what the directions of the next layer keep, and its output, if it is not the last.
    fn layer<C: RecurrentCell>(
        &mut self,
        spec: &Spec,
        layer: usize,
    ) -> ([Option<Kept<'a, T>>; 2], &'a mut [T]) {
        let states = spec.steps * spec.hidden;
        let directions = [0, 1].map(|direction| {
            (direction < spec.directions).then(|| Kept {
                kept: self.layers.take(C::KEPT * states),
                before: self.layers.take(states),
                cells: if spec.has_cells {
                    self.layers.take(states)
                } else {
                    &mut []
                },
            })
        });
        let output = if layer + 1 < spec.layers {
            self.layers.take(spec.output())
        } else {
            &mut []
        };
        (directions, output)
    }
}

/// Sets numbers of the output of a lower layer, or of its gradient, to zero, and multiplies the
/// others. The mask of a step is the same in forward and backward.
fn drop_out<T: Element>(probability: f64, layer: usize, len: usize, x: &mut [T], cx: &Context<T>) {
    if probability == 0.0 || cx.is_eval() {
        return;
    }
    let cx = cx.layer(layer);
    for (sample, x) in x.chunks_exact_mut(len).enumerate() {
        crate::nn::dropout::drop_out(probability, x, &mut cx.rng(sample));
    }
}

/// Computes a pass for training.
pub(super) fn forward_train<T: Element, C: RecurrentCell>(
    spec: &Spec,
    (cell, dropout): (C, f64),
    params: &[T],
    tensors: Tensors<'_, T>,
    y: &mut [T],
    cache: ActivationStore<'_>,
    cx: &Context<T>,
) {
    let mut cache = Cache::new(spec, cache);
    let mut x = tensors.sources[0];

    for layer in 0..spec.layers {
        let is_last = layer + 1 == spec.layers;
        let (directions, output) = cache.layer::<C>(spec, layer);

        for (direction, kept) in directions.into_iter().flatten().enumerate() {
            let place = Place { layer, direction };
            begin(spec, &tensors, 0, place, cache.h);
            if spec.has_cells {
                begin(spec, &tensors, 1, place, cache.c);
            }

            let first = direction * spec.hidden;
            let (to, sample) = if is_last {
                (&mut y[first..], tensors.row)
            } else {
                (&mut output[first..], spec.output())
            };
            cx.kernels.recurrent(
                cell,
                &mut Recurrent {
                    samples: tensors.samples,
                    steps: spec.steps,
                    inputs: spec.inputs_of(layer),
                    hidden: spec.hidden,
                    reversed: direction == 1,
                    weights: spec.weights(params, place),
                    x,
                    mask: spec.mask(&tensors),
                    h: &mut *cache.h,
                    c: &mut *cache.c,
                    next: &mut *cache.next,
                    y: to,
                    y_strides: [sample, spec.width()],
                    kept: kept.kept,
                    keeps: true,
                    cells: kept.cells,
                    before: kept.before,
                },
            );

            end(spec, 0, place, cache.h, y, tensors.row);
            if spec.has_cells {
                end(spec, 1, place, cache.c, y, tensors.row);
            }
        }

        if !is_last {
            drop_out(dropout, layer, spec.output(), output, cx);
            x = output;
        }
    }
}

/// The passes backward, from the last layer to the first.
struct Backward<'a, 's, T: Element, C> {
    spec: &'s Spec,
    cell: C,
    dropout: f64,
    params: &'s [T],
    tensors: Tensors<'s, T>,
    dy: &'s [T],
    dx: [Option<&'a mut [T]>; MAX_SOURCES],
    cache: Cache<'a, T>,
    /// Room for the transposed weight, and memory for products.
    transposed: &'a mut [T],
    memory: &'a mut [T],
    cx: &'s Context<'s, T>,
}

/// Computes the gradients of all sums, and those of the sources that are requested.
#[allow(clippy::too_many_arguments)]
pub(super) fn backward_input<T: Element, C: RecurrentCell>(
    spec: &Spec,
    (cell, dropout): (C, f64),
    params: &[T],
    tensors: Tensors<'_, T>,
    dy: &mut [T],
    mut dx: [Option<&mut [T]>; MAX_SOURCES],
    (cache, mut thread_memory): (ActivationStore<'_>, ThreadMemory<'_>),
    cx: &Context<T>,
) {
    // A mask is no function of anything.
    if spec.masked
        && let Some(mask) = &mut dx[1]
    {
        mask.fill(T::zero());
    }

    let transposed = thread_memory.take(spec.gates * spec.hidden);
    Backward {
        spec,
        cell,
        dropout,
        params,
        tensors,
        dy,
        dx,
        cache: Cache::new(spec, cache),
        transposed,
        memory: thread_memory.take_at_most(usize::MAX),
        cx,
    }
    .layers_from(0);
}

impl<T: Element, C: RecurrentCell> Backward<'_, '_, T, C> {
    /// Computes the layers from this one, beginning with the last: each takes its part of the cache
    /// on the way up.
    fn layers_from(&mut self, layer: usize) {
        let (mut directions, _) = self.cache.layer::<C>(self.spec, layer);
        if layer + 1 < self.spec.layers {
            self.layers_from(layer + 1);
            let len = self.spec.output();
            drop_out(self.dropout, layer, len, self.cache.flow, self.cx);
        }

        for (direction, kept) in directions.iter_mut().flatten().enumerate() {
            self.through_time(Place { layer, direction }, kept);
        }
        for (direction, kept) in directions.iter_mut().flatten().enumerate() {
            self.write_inputs(Place { layer, direction }, kept.kept);
        }
    }

    /// Computes the gradients of the sums of a direction, and of its initial state.
    fn through_time(&mut self, place: Place, kept: &mut Kept<'_, T>) {
        let Backward {
            spec,
            ref tensors,
            ref mut cache,
            ..
        } = *self;
        let is_last = place.layer + 1 == spec.layers;

        begin_backward(spec, 0, place, self.dy, tensors.row, cache.h);
        if spec.has_cells {
            begin_backward(spec, 1, place, self.dy, tensors.row, cache.c);
            begin(spec, tensors, 1, place, cache.first_cells);
        }

        let first = place.direction * spec.hidden;
        let (dy, sample) = if is_last {
            (&self.dy[first..], tensors.row)
        } else {
            (&cache.flow[first..], spec.output())
        };
        recurrent_grad(
            self.cx.kernels,
            self.cell,
            RecurrentGrad {
                samples: tensors.samples,
                steps: spec.steps,
                hidden: spec.hidden,
                reversed: place.direction == 1,
                weight_hh: spec.weights(self.params, place).hh,
                mask: spec.mask(tensors),
                dy,
                dy_strides: [sample, spec.width()],
                kept: kept.kept,
                cells: kept.cells,
                first_cells: cache.first_cells,
                before: kept.before,
                dh: cache.h,
                dc: cache.c,
                product: cache.next,
                transposed: self.transposed,
                memory: self.memory,
            },
        );

        if spec.initial {
            let source = spec.initial_source();
            let ends = [&*cache.h, &*cache.c];
            for (part, end) in ends.into_iter().enumerate() {
                if let Some(dx) = &mut self.dx[source + part]
                    && (part == 0 || spec.has_cells)
                {
                    let at = state_position(spec, place);
                    let samples = dx.chunks_exact_mut(spec.states());
                    for (dx, end) in samples.zip(end.chunks_exact(spec.hidden)) {
                        dx[at..][..spec.hidden].copy_from_slice(end);
                    }
                }
            }
        }
    }

    /// Computes what the gradients of the sums of a direction are for its inputs.
    fn write_inputs(&mut self, place: Place, kept: &[T]) {
        let spec = self.spec;
        let dx = if place.layer > 0 {
            &mut *self.cache.flow
        } else if let Some(dx) = &mut self.dx[0] {
            dx
        } else {
            return;
        };

        let inputs = spec.inputs_of(place.layer);
        self.cx.kernels.product(Product {
            m: self.tensors.samples * spec.steps,
            n: inputs,
            k: spec.gates,
            a: Matrix::row_major(kept, C::KEPT * spec.hidden),
            b: Matrix::row_major(spec.weights(self.params, place).ih, spec.gates).transposed(),
            c: dx,
            c_stride: inputs,
            start: if place.direction == 0 {
                Start::Zero
            } else {
                Start::Accumulate
            },
            relu: false,
            whole: usize::MAX,
            memory: &mut *self.memory,
        });
    }
}

/// Sets the gradient of the last state to that of the output which it is, or to 0.
fn begin_backward<T: Element>(
    spec: &Spec,
    part: usize,
    place: Place,
    dy: &[T],
    row: usize,
    dh: &mut [T],
) {
    if !spec.last {
        return dh.fill(T::zero());
    }
    let first = spec.output() + part * spec.states() + state_position(spec, place);
    for (dh, dy) in dh.chunks_exact_mut(spec.hidden).zip(dy.chunks_exact(row)) {
        dh.copy_from_slice(&dy[first..][..spec.hidden]);
    }
}

/// Computes the gradients of the parameters.
pub(super) fn backward_params<T: Element, C: RecurrentCell>(
    spec: &Spec,
    cell: C,
    tensors: Tensors<'_, T>,
    gradient: &mut [T],
    (cache, mut memory): (ActivationStore<'_>, ThreadMemory<'_>),
    cx: &Context<T>,
) {
    let mut cache = Cache::new(spec, cache);
    let hidden = spec.hidden;
    let rows = tensors.samples * spec.steps;
    let mut x = tensors.sources[0];

    for layer in 0..spec.layers {
        let (directions, output) = cache.layer::<C>(spec, layer);
        for (direction, kept) in directions.into_iter().flatten().enumerate() {
            let place = Place { layer, direction };
            let gradient = &mut gradient[spec.first(place)..][..spec.len(layer)];
            let (ih, rest) = gradient.split_at_mut(spec.inputs_of(layer) * spec.gates);
            let (hh, biases) = rest.split_at_mut(hidden * spec.gates);

            let sums = Sums {
                rows,
                kept: kept.kept,
                row: C::KEPT * hidden,
                columns: spec.gates,
            };
            let x = Rows::of(x, spec.inputs_of(layer));
            sums.weight_grad(x, (0, 0, spec.gates), ih, memory.reborrow(), cx);
            let states = Rows::of(kept.before, hidden);
            if C::GATES == 3 {
                // The candidate has sums of its own, or a state of its own.
                let (from, candidate) = if cell.has_halves() {
                    let reset = Rows {
                        data: &sums.kept[3 * hidden..],
                        row: C::KEPT * hidden,
                        len: hidden,
                    };
                    (2 * hidden, reset)
                } else {
                    (3 * hidden, states)
                };
                let last = (from, 2 * hidden, hidden);
                sums.weight_grad(states, (0, 0, 2 * hidden), hh, memory.reborrow(), cx);
                sums.weight_grad(candidate, last, hh, memory.reborrow(), cx);
            } else {
                sums.weight_grad(states, (0, 0, spec.gates), hh, memory.reborrow(), cx);
            }
            if spec.bias {
                sums.bias_grad(cell, biases, memory.reborrow(), cx);
            }
        }
        x = output;
    }
}

/// Rows of `len` elements, `row` apart.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    data: &'a [T],
    row: usize,
    len: usize,
}

impl<'a, T> Rows<'a, T> {
    fn of(data: &'a [T], len: usize) -> Self {
        Rows {
            data,
            row: len,
            len,
        }
    }
}

/// The gradients of the sums of all steps of a batch, `row` elements apart.
struct Sums<'a, T> {
    rows: usize,
    kept: &'a [T],
    row: usize,
    /// The number of columns of the weights.
    columns: usize,
}

impl<T: Element> Sums<'_, T> {
    /// Computes `count` columns of the gradient of a weight, beginning with `column`, from the sums
    /// that begin with `from`. It is split between threads over the rows of the weight.
    fn weight_grad(
        &self,
        x: Rows<'_, T>,
        (from, column, count): (usize, usize, usize),
        gradient: &mut [T],
        memory: ThreadMemory<'_>,
        cx: &Context<T>,
    ) {
        let kernels = cx.kernels;
        let accumulate = cx.accumulate();
        let parts = cx.parts(sizes::product(&[self.rows, x.len, count]));
        let height = x.len.div_ceil(parts).max(1);

        threads::split_mut_with(
            gradient,
            height * self.columns,
            memory,
            &|part, gradient: &mut [T], mut memory| {
                kernels.product(Product {
                    m: gradient.len() / self.columns,
                    n: count,
                    k: self.rows,
                    a: Matrix {
                        data: &x.data[part * height..],
                        row_stride: 1,
                        col_stride: x.row,
                    },
                    b: Matrix {
                        data: &self.kept[from..],
                        row_stride: self.row,
                        col_stride: 1,
                    },
                    c: &mut gradient[column..],
                    c_stride: self.columns,
                    start: if accumulate {
                        Start::Accumulate
                    } else {
                        Start::Zero
                    },
                    relu: false,
                    whole: usize::MAX,
                    memory: memory.take_at_most(usize::MAX),
                });
            },
        );
    }

    /// Computes the gradients of both biases.
    fn bias_grad<C: RecurrentCell>(
        &self,
        cell: C,
        biases: &mut [T],
        mut memory: ThreadMemory<'_>,
        cx: &Context<T>,
    ) {
        let sums = memory.take::<T>(self.row);
        cx.kernels
            .column_sums(self.rows, self.row, self.kept, sums, false);

        let (of_inputs, of_states) = biases.split_at_mut(self.columns);
        put(of_inputs, &sums[..self.columns], cx.accumulate());
        if C::GATES == 3 && !cell.has_halves() {
            let hidden = self.columns / 3;
            let (gates, candidate) = of_states.split_at_mut(2 * hidden);
            put(gates, &sums[..2 * hidden], cx.accumulate());
            put(candidate, &sums[3 * hidden..], cx.accumulate());
        } else {
            put(of_states, &sums[..self.columns], cx.accumulate());
        }
    }
}

/// Sets numbers to others, or adds them.
fn put<T: Element>(to: &mut [T], from: &[T], accumulate: bool) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = if accumulate { *to + from } else { from };
    }
}
