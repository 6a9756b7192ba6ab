"""Mutants of graphs: every error term of G1 to G5 set to zero, and errors of logic, with what kills them."""

from __future__ import annotations

from tests.mutation.mutants import FP, SLACK, UNDERFLOW, Mutant

MAPS, POOLING = "network/graph/maps.py", "network/graph/pooling.py"
TWINS = "network/graph/twins.py"
PASSES, GRADIENTS = "network/graph/passes.py", "network/graph/gradients.py"

GRAPH: tuple[Mutant, ...] = (
    # G1
    Mutant("windows: norm·rad", MAPS, "rad = self.norm * x.rad + unit", "rad = 0.0 * x.rad + unit", ("graph_windows@0",)),
    Mutant("windows: product", MAPS, "unit = arithmetic.product_unit(self.index.shape[1]) * self.kernel.frobenius +", "unit = 0.0 +", ("graph_windows@0",)),
    Mutant("windows: kernel's radius", MAPS, "self.kernel.frobenius + self.kernel.radius", "self.kernel.frobenius", note=SLACK),
    Mutant("windows: spread", MAPS, "unit * (self.spread * x.norm + floors)", "unit * (0.0 * x.norm + floors)", ("graph_windows@0",)),
    Mutant("windows: floors", MAPS, "+ unit * (self.spread * x.norm + floors)", "+ unit * (self.spread * x.norm)", note=UNDERFLOW),
    Mutant("windows: bias", MAPS, "rad = rad + arithmetic.unit * (sizes + shift)", "rad = rad + 0.0 * (sizes + shift)", ("graph_windows@19",)),
    Mutant("convolution: copies counted once", MAPS, "return math.sqrt(m) * RAISE", "return RAISE", ("graph_windows@2",)),
    Mutant("convolution: half of the sums", MAPS, "sums = float(size_w.sum(axis=(1, 2, 3)).max())", "sums = 0.25 * float(size_w.sum(axis=(1, 2, 3)).max())", ("graph_windows@0",)),
    Mutant("average: low part lost", MAPS, "lo, error = 0.0, (error + abs(lo)) * RAISE", "lo = 0.0", note=SLACK),
    # G2
    Mutant("inverse: low part lost", MAPS, "(error + np.abs(lo)) * RAISE, sizes)", "error, sizes)", note=SLACK),
    Mutant("shifted: unit", MAPS, "rad = x.rad + arithmetic.unit * (x.norm + np.sqrt(places) * by.norm)", "rad = x.rad", ("graph_channels@1",)),
    Mutant("shifted: the shift's size", MAPS, "(x.norm + np.sqrt(places) * by.norm)", "x.norm", ("graph_channels@1",)),
    Mutant("scaled: most·rad", MAPS, "rad = most * x.rad + lost * x.norm", "rad = lost * x.norm", ("graph_channels@5",)),
    Mutant("scaled: lost", MAPS, "rad = most * x.rad + lost * x.norm", "rad = most * x.rad", ("graph_channels@6",)),
    Mutant("scaled: then forgotten", MAPS, "y, after = arithmetic.multiply(y, then.value.reshape(1, c, 1)), then.sizes", "y = arithmetic.multiply(y, then.value.reshape(1, c, 1))", ("graph_channels@15",)),
    Mutant("scaled: error of the factor", MAPS, "(by.error + 2.01 * arithmetic.unit * by.sizes)", "(2.01 * arithmetic.unit * by.sizes)", note=SLACK),
    Mutant("scaled: one rounding", MAPS, "2.01 * arithmetic.unit * by.sizes", "0.0 * by.sizes", ("graph_channels@6",)),
    Mutant("scaled: floor", MAPS, "* RAISE + 2 * arithmetic.unit * fp.FLOOR", "* RAISE", note=UNDERFLOW),
    Mutant("added: unit", MAPS, "x.rad + y.rad + arithmetic.unit * (x.norm + y.norm)", "x.rad + y.rad", ("graph_channels@8",)),
    Mutant("added: one radius", MAPS, "rad = x.rad + y.rad + arith", "rad = x.rad + arith", ("graph_channels@16",)),
    # G3
    Mutant("TIE_SLACK", FP, "TIE_SLACK = 2.0**-49\n", "TIE_SLACK = 0.0\n", ("graph_maxima@232",)),
    Mutant("maximum: √2 as 1", POOLING, "gap - 1.5 * RAISE * x.rad[:, None]", "gap - 1.0 * x.rad[:, None]", ("graph_maxima@1",)),
    Mutant("maximum: ties in any window", POOLING, "rest = np.where(won & zero, -np.inf, windows)", "rest = np.where(zero, -np.inf, windows)", note="only entries that are off differ: tests/unit/network/graph/test_graph.py has the case"),
    Mutant("maximum: radius", POOLING, "self.spread * x.rad * RAISE", "0.0 * x.rad", ("graph_maxima@1",)),
    Mutant("maximum back: radius", POOLING, "rad = self.spread * v.rad + unit", "rad = unit", ("graph_maxima@0",)),
    Mutant("maximum back: product", POOLING, "rad = self.spread * v.rad + unit * (self.spread * v.norm + floors)", "rad = self.spread * v.rad", ("graph_maxima@2",)),
    Mutant("maximum: spread 1", POOLING, "math.sqrt(multiplicity(index, inputs)) * RAISE", "RAISE", ("graph_maxima@0",)),
    # passes and G4
    Mutant("graph: rad of a value", PASSES, "(phi.slope_bound * z.rad + fp.row_norms(value.error))", "fp.row_norms(value.error)", ("graph_activations@0",)),
    Mutant("graph: error of φ", PASSES, "(phi.slope_bound * z.rad + fp.row_norms(value.error))", "(phi.slope_bound * z.rad)", ("graph_activations@0",)),
    Mutant("graph: curvature", PASSES, "(phi.curvature * z.rad + slope_error.max(axis=1))", "(slope_error.max(axis=1))", ("graph_activations@0",)),
    Mutant("graph: error of φ'", PASSES, "(phi.curvature * z.rad + slope_error.max(axis=1))", "(phi.curvature * z.rad)", ("graph_activations@3",)),
    Mutant("graph: rad of an adjoint", PASSES, "rad = slope.bound * v.rad + v.norm", "rad = v.norm", ("graph_activations@0",)),
    Mutant("graph: slope's radius", PASSES, "v.norm * (slope.rad + arithmetic", "v.norm * (arithmetic", ("graph_activations@0",)),
    Mutant("graph: unit of slopes", PASSES, "arithmetic.unit * (slope.bound + slope.rad))", "0.0)", ("graph_activations@31",)),
    # G7
    Mutant("twins: channels alike", TWINS, "np.arange(channels)[:, None] * (1 + int(of_places.max()))", "np.zeros((channels, 1), dtype=np.int64)", ("graph_twins@0",)),
    Mutant("twins: one BatchNorm for all", TWINS, "np.arange(len(before)) // places", "0 * np.arange(len(before))", ("graph_twins@1",)),
    Mutant("twins: padding as a number", TWINS, "np.append(before, 0)[window.index]", "np.append(before, 1)[window.index]", ("graph_twins@14",)),
    Mutant("twins: a maximum by its first entry", TWINS, "np.sort(np.append(before, PADDED)[made.pools[node.name].index], axis=1)", "np.append(before, PADDED)[made.pools[node.name].index][:, :1]", ("graph_twins@3",)),
    Mutant("twins: one term of a sum", TWINS, "np.stack(inputs, axis=1)", "inputs[0][:, None]", ("graph_twins@0",)),
    Mutant("twins: still without proof", TWINS, "labels[still[node.name]] = 0", "labels[labels == 1] = 0", ("graph_twins@1",)),
    Mutant("twins: small numbers as 0", TWINS, "np.where(x == 0, 0, 1 +", "np.where(x <= 0.5, 0, 1 +", ("graph_twins@0",)),
    Mutant("twins: φ(0) as 0", TWINS, "_numbered(before[:, None])", "before.copy()", ("graph_twins@1",)),
    # G5
    Mutant("graph gradient: product", GRADIENTS, "return (product + fp.exact(balls))", "return (fp.exact(balls))", ("graph_parameters@1",)),
    Mutant("graph gradient: balls", GRADIENTS, "return (product + fp.exact(balls))", "return (product)", ("graph_parameters@0",)),
    Mutant("graph gradient: rad of adjoints", GRADIENTS, "np.sum(v.rad * alpha + v.norm * x.rad)", "np.sum(v.norm * x.rad)", ("graph_parameters@0",)),
    Mutant("graph gradient: rad of windows", GRADIENTS, "np.sum(v.rad * alpha + v.norm * x.rad)", "np.sum(v.rad * alpha)", ("graph_parameters@3",)),
    Mutant("graph gradient: chunks", GRADIENTS, "self.error + error + lost)", "self.error + error)", note=SLACK),
    Mutant("graph gradient: decay", GRADIENTS, "norm = array_norm(total.value, total.error)", "norm = array_norm(total.value, Fraction(0))", note="array_norm's own slack hides it in small graphs"),
)
