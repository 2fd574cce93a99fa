//! Where the numbers of an output lie: a file's axes have another order and other borders than the
//! axes here.
//!
//! An axis of the file consists of atoms, which are all larger than 1, and memory is a sequence of
//! atoms as well. A transposition, or a reshape that cuts and joins axes, changes the file's axes and
//! moves nothing; a layer that wants an order presents its input in it.

use crate::error::{Result, fail};
use crate::list::{Layer, Source};
use crate::tensor::{Kind, Tensor, positions, strides};
use crate::translate::Translator;

/// A part of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Atom {
    id: u32,
    pub size: usize,
}

/// An output of a layer under the axes of the file.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub source: Source,
    /// The atoms of each axis of the file; none for an axis of size 1.
    pub axes: Vec<Vec<Atom>>,
    /// All atoms in the order in memory.
    pub order: Vec<Atom>,
    pub kind: Kind,
    /// True if nothing else reads the layer.
    pub exclusive: bool,
}

/// Returns the product of the sizes of atoms.
pub(crate) fn size_of(atoms: &[Atom]) -> usize {
    atoms.iter().map(|atom| atom.size).product()
}

impl Value {
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| size_of(axis)).collect()
    }

    pub fn len(&self) -> usize {
        size_of(&self.order)
    }

    /// Returns all atoms in the order of the file's axes.
    pub fn flat(&self) -> Vec<Atom> {
        self.axes.concat()
    }

    /// Returns the atoms of these axes in the order in memory.
    pub fn in_memory(&self, axes: &[usize]) -> Vec<Atom> {
        let is_wanted = |atom: &Atom| axes.iter().any(|&axis| self.axes[axis].contains(atom));
        self.order.iter().copied().filter(is_wanted).collect()
    }

    /// Returns the atoms of all other axes in the order in memory.
    pub fn others(&self, axes: &[usize]) -> Vec<Atom> {
        let others: Vec<usize> = (0..self.axes.len()).filter(|a| !axes.contains(a)).collect();
        self.in_memory(&others)
    }

    /// Replaces an atom by two.
    fn split(&mut self, atom: Atom, [first, second]: [Atom; 2]) {
        for atoms in self.axes.iter_mut().chain([&mut self.order]) {
            if let Some(at) = atoms.iter().position(|&own| own == atom) {
                atoms.splice(at..=at, [first, second]);
            }
        }
    }

    /// Returns the position of each element of these atoms, in their order, in a constant that
    /// broadcasts to the axes. The index along all other atoms is 0.
    pub fn positions_in(&self, constant: &[usize], atoms: &[Atom]) -> Vec<usize> {
        let own = strides(constant);
        let missing = self.axes.len() - constant.len();
        let stride_of = |atom: &Atom| {
            let (axis, at) = self
                .axes
                .iter()
                .enumerate()
                .find_map(|(axis, atoms)| {
                    let at = atoms.iter().position(|own| own == atom)?;
                    Some((axis, at))
                })
                .unwrap_or_default();
            match axis.checked_sub(missing) {
                Some(own_axis) if constant[own_axis] > 1 => {
                    own[own_axis] * size_of(&self.axes[axis][at + 1..])
                }
                _ => 0,
            }
        };
        let sizes: Vec<usize> = atoms.iter().map(|atom| atom.size).collect();
        let strides: Vec<usize> = atoms.iter().map(stride_of).collect();
        positions(&sizes, &strides, 0)
    }

    /// Returns the numbers of a constant, which broadcasts to the axes, for these atoms.
    pub fn constant(&self, constant: &Tensor, atoms: &[Atom]) -> Vec<f32> {
        let numbers = constant.as_floats();
        let at = self.positions_in(&constant.shape, atoms);
        at.into_iter().map(|i| numbers[i]).collect()
    }

    /// Returns the index along an axis of the file of each element of its atoms in this order.
    pub fn indices(&self, axis: usize, atoms: &[Atom]) -> Vec<usize> {
        let mut shape = vec![1; self.axes.len()];
        shape[axis] = size_of(&self.axes[axis]);
        self.positions_in(&shape, atoms)
    }
}

impl Translator<'_> {
    /// Returns an axis of this size.
    pub fn atoms(&mut self, size: usize) -> Vec<Atom> {
        if size == 1 {
            return Vec::new();
        }
        self.next_atom += 1;
        vec![Atom {
            id: self.next_atom,
            size,
        }]
    }

    /// Adds a layer and returns its index.
    pub fn add(&mut self, mut layer: Layer) -> Source {
        for &source in &layer.sources {
            self.layers[source].readers += 1;
        }
        layer.name = self.current.clone();
        self.layers.push(layer);
        self.layers.len() - 1
    }

    /// Returns a value whose axes lie in memory in this order.
    pub fn value(&mut self, source: Source, shape: &[usize], order: &[usize], kind: Kind) -> Value {
        let axes: Vec<Vec<Atom>> = shape.iter().map(|&size| self.atoms(size)).collect();
        Value {
            source,
            order: order.iter().flat_map(|&axis| axes[axis].clone()).collect(),
            axes,
            kind,
            exclusive: true,
        }
    }

    /// Returns a value whose axes lie in memory in their order.
    pub fn plain(&mut self, source: Source, shape: &[usize], kind: Kind) -> Value {
        let order: Vec<usize> = (0..shape.len()).collect();
        self.value(source, shape, &order, kind)
    }

    /// Returns the same value behind a layer that keeps the shape.
    pub fn keeps(&self, x: &Value, source: Source) -> Value {
        Value {
            source,
            exclusive: true,
            kind: Kind::Float,
            ..x.clone()
        }
    }

    /// Returns the same value with atoms of its own: an output that is read twice has them twice.
    pub fn with_own_atoms(&mut self, x: &Value) -> Value {
        let mut value = x.clone();
        for atom in x.order.clone() {
            let own = self.atoms(atom.size)[0];
            for atoms in value.axes.iter_mut().chain([&mut value.order]) {
                atoms
                    .iter_mut()
                    .filter(|other| **other == atom)
                    .for_each(|other| *other = own);
            }
        }
        value
    }

    pub fn dims(&self, source: Source) -> &[usize] {
        &self.layers[source].dims
    }

    /// Adds a `Reshape`, unless the shape is that already.
    pub fn reshape_to(&mut self, source: Source, dims: &[usize]) -> Source {
        if self.dims(source) == dims {
            return source;
        }
        // A reshape of a reshape is one of what is before that.
        let mut from = source;
        while self.layers[from].kind == "Reshape" {
            from = self.layers[from].sources[0];
        }
        if self.dims(from) == dims {
            return from;
        }
        let mut layer = Layer::new("Reshape", &[from], dims);
        for size in dims {
            layer = layer.argument(size);
        }
        self.add_once(layer)
    }

    /// Adds a layer without parameters, or returns the same one that was added before.
    fn add_once(&mut self, layer: Layer) -> Source {
        let key = (
            layer.sources[0],
            format!("{}{:?}", layer.kind, layer.arguments),
        );
        if let Some(&source) = self.views.get(&key) {
            return source;
        }
        let source = self.add(layer);
        self.views.insert(key, source);
        source
    }

    /// Returns an output whose axes are these groups of all atoms of a value, in this order.
    pub fn present(&mut self, x: &Value, groups: &[Vec<Atom>]) -> Result<Source> {
        let dims: Vec<usize> = groups.iter().map(|group| size_of(group)).collect();
        let mut order = x.order.clone();
        let wanted = groups.concat();
        // Axes that belong to another value are a mistake of this crate, which a file must not turn into
        // one of the program.
        let is_all = order.len() == wanted.len() && wanted.iter().all(|atom| order.contains(atom));
        if !is_all {
            fail!("the order of its axes was lost; please report this file");
        }
        let mut source = x.source;

        while order != wanted {
            let (sizes, axes, reached) = permutation(&order, &wanted);
            source = self.reshape_to(source, &sizes);
            let turned: Vec<usize> = axes.iter().map(|&axis| sizes[axis]).collect();
            let mut layer = Layer::new("Permute", &[source], &turned);
            for axis in axes {
                layer = layer.argument(axis);
            }
            source = self.add_once(layer);
            order = reached;
        }
        Ok(self.reshape_to(source, &dims))
    }

    /// Returns the value under other axes of the file.
    pub fn reshape(&mut self, x: &Value, shape: &[usize]) -> Result<Value> {
        let len = shape
            .iter()
            .try_fold(1_usize, |n, &size| n.checked_mul(size));
        if len != Some(x.len()) {
            fail!("it makes {shape:?} of {:?}", x.shape());
        }
        if let Some(value) = self.cut(x, shape) {
            return Ok(value);
        }
        // Borders that do not fit: the elements are put in the order of the file.
        let source = self.present(x, &[x.flat()])?;
        let all = self.atoms(x.len());
        let flat = Value {
            source,
            axes: vec![all.clone()],
            order: all,
            kind: x.kind,
            exclusive: true,
        };
        Ok(self.cut(&flat, shape).unwrap_or(flat))
    }

    /// Cuts and joins axes without moving anything, if that is possible.
    fn cut(&mut self, x: &Value, shape: &[usize]) -> Option<Value> {
        let mut value = x.clone();
        let mut rest = value.flat();
        rest.reverse();
        let mut axes = Vec::new();
        for &size in shape {
            let mut missing = size;
            let mut axis = Vec::new();
            while missing > 1 {
                let atom = rest.pop()?;
                if missing.is_multiple_of(atom.size) {
                    missing /= atom.size;
                    axis.push(atom);
                } else if atom.size.is_multiple_of(missing) {
                    let parts = [self.atoms(missing)[0], self.atoms(atom.size / missing)[0]];
                    value.split(atom, parts);
                    axis.push(parts[0]);
                    rest.push(parts[1]);
                    missing = 1;
                } else {
                    return None;
                }
            }
            axes.push(axis);
        }
        value.axes = axes;
        Some(value)
    }

    /// Gives two axes of one size the same atoms.
    fn refine(&mut self, a: &mut Value, b: &mut Value, (i, j): (usize, usize)) -> Option<()> {
        let mut at = 0;
        while at < a.axes[i].len().max(b.axes[j].len()) {
            let (x, y) = (*a.axes[i].get(at)?, *b.axes[j].get(at)?);
            if x.size != y.size {
                let (larger, value) = if x.size > y.size {
                    (x, &mut *a)
                } else {
                    (y, &mut *b)
                };
                let smaller = x.size.min(y.size);
                if !larger.size.is_multiple_of(smaller) {
                    return None;
                }
                let parts = [self.atoms(smaller)[0], self.atoms(larger.size / smaller)[0]];
                value.split(larger, parts);
            }
            at += 1;
        }
        Some(())
    }

    /// Gives all pairs of axes of one size the same atoms. Axes are counted from the end, and those of
    /// size 1 have none.
    pub fn align(&mut self, a: &mut Value, b: &mut Value) -> Result<()> {
        let rank = a.axes.len().min(b.axes.len());
        for back in 1..=rank {
            let (i, j) = (a.axes.len() - back, b.axes.len() - back);
            if a.axes[i].is_empty() || b.axes[j].is_empty() {
                continue;
            }
            if self.refine(a, b, (i, j)).is_none() {
                for value in [&mut *a, &mut *b] {
                    let shape = value.shape();
                    let groups = [value.flat()];
                    let source = self.present(value, &groups)?;
                    *value = self.plain(source, &shape, value.kind);
                }
                return self.align(a, b);
            }
        }
        Ok(())
    }
}

/// Returns the sizes and the permutation of up to 4 axes that bring one order of atoms nearer to
/// another, and the order that is reached.
fn permutation(order: &[Atom], wanted: &[Atom]) -> (Vec<usize>, Vec<usize>, Vec<Atom>) {
    // Blocks are neighbours in both orders.
    let mut blocks: Vec<Vec<Atom>> = Vec::new();
    let place = |atom: &Atom| wanted.iter().position(|own| own == atom);
    for atom in order {
        match blocks.last_mut() {
            Some(block) if place(&block[block.len() - 1]).map(|p| p + 1) == place(atom) => {
                block.push(*atom);
            }
            _ => blocks.push(vec![*atom]),
        }
    }

    let mut axes: Vec<usize> = (0..blocks.len()).collect();
    axes.sort_by_key(|&axis| place(&blocks[axis][0]));
    if blocks.len() > 4 {
        // Only the first block that is out of place moves to its place.
        let fixed = (0..axes.len()).take_while(|&i| axes[i] == i).count();
        let moved = axes[fixed];
        let join = |range: std::ops::Range<usize>| blocks[range].concat();
        let parts = [
            join(0..fixed),
            join(fixed..moved),
            blocks[moved].clone(),
            join(moved + 1..blocks.len()),
        ];
        let turned = [0, 2, 1, 3].map(|part: usize| parts[part].clone()).concat();
        let kept: Vec<usize> = (0..4).filter(|&part| !parts[part].is_empty()).collect();
        let sizes = kept.iter().map(|&part| size_of(&parts[part])).collect();
        let axes = [0, 2, 1, 3]
            .iter()
            .filter_map(|part| kept.iter().position(|kept| kept == part))
            .collect();
        return (sizes, axes, turned);
    }
    let sizes = blocks.iter().map(|block| size_of(block)).collect();
    let reached = axes.iter().flat_map(|&axis| blocks[axis].clone()).collect();
    (sizes, axes, reached)
}
