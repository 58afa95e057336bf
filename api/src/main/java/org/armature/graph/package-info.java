/**
 * Graphs of ONNX operators: what every model, derivative and transformation of a model is made of.
 *
 * <p>Operators, attributes and their meaning are those of ONNX opset 20 (domain {@code ""}), the fused operators of ONNX
 * Runtime (domain {@code com.microsoft}) and a few of our own (domain {@code org.armature}): {@code StopGradient} and
 * {@code Call}, a named subgraph that may bring its own backward rule.
 *
 * <p>A graph is immutable. It is built with a {@link org.armature.graph.Graph.Builder}, read like the formula with the
 * static constructors of {@link org.armature.graph.Ops}, and changed by building another one with a
 * {@link org.armature.graph.Rewriter}. Every value knows its type and shape from the moment it is made.
 */
@Export
@Version("1.0.0")
@NullMarked
package org.armature.graph;

import org.jspecify.annotations.NullMarked;
import org.osgi.annotation.bundle.Export;
import org.osgi.annotation.versioning.Version;
