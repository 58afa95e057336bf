package org.armature.compute.onnx;

import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.armature.compute.Program;
import org.armature.compute.Tensor;
import org.armature.graph.DType;
import org.armature.graph.Dim;
import org.armature.graph.Shape;
import org.armature.graph.TensorType;
import org.armature.graph.Value;

/** A graph in an ONNX Runtime session. */
final class OnnxProgram implements Program {
    private final OnnxExecutor.Session session;
    private final Runnable release;
    private final SequencedMap<String, TensorType> inputs = new LinkedHashMap<>();
    private final SequencedMap<String, TensorType> outputs = new LinkedHashMap<>();
    private final boolean fixed;
    // Runs share it, close waits for them.
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private boolean closed;

    OnnxProgram(OnnxExecutor.Session session, Runnable release) {
        this.session = session;
        this.release = release;
        session.graph.inputs().forEach(v -> inputs.put(v.name(), v.type()));
        session.graph.parameters().stream()
                .filter(v -> !session.isFrozen(v.name()))
                .forEach(v -> inputs.put(v.name(), v.type()));
        session.graph.outputs().forEach((k, v) -> outputs.put(k, v.type()));
        fixed = session.graph.outputs().values().stream().map(Value::shape).allMatch(Shape::isStatic);
    }

    @Override
    public SequencedMap<String, TensorType> inputs() {
        return Collections.unmodifiableSequencedMap(inputs);
    }

    @Override
    public SequencedMap<String, TensorType> outputs() {
        return Collections.unmodifiableSequencedMap(outputs);
    }

    @Override
    public SequencedMap<String, Tensor> run(Map<String, Tensor> given) {
        SequencedMap<String, Tensor> out = new LinkedHashMap<>();
        if (fixed) {
            outputs.forEach((k, t) -> out.put(k, Tensor.zeros(t)));
            try (Pinned pinned = new Pinned(given, out, List.of())) {
                pinned.run();
                return out;
            } catch (RuntimeException | Error e) {
                out.values().forEach(Tensor::close);
                throw e;
            }
        }
        Lock run = enter();
        Map<String, OnnxTensor> in = new LinkedHashMap<>();
        try {
            wrapInputs(given, in);
            try (OrtSession.Result r = session.ort.run(in, new LinkedHashSet<>(session.outputNames))) {
                int i = 0;
                for (Map.Entry<String, TensorType> e : outputs.entrySet()) {
                    out.put(e.getKey(), copy(e.getValue().dtype(), (OnnxTensor)
                            r.get(session.outputNames.get(i++)).orElseThrow()));
                }
            }
            return out;
        } catch (OrtException e) {
            out.values().forEach(Tensor::close);
            throw failed(e);
        } finally {
            in.values().forEach(OnnxTensor::close);
            run.unlock();
        }
    }

    @Override
    public Binding bind(Map<String, Tensor> given, Map<String, Tensor> results) {
        if (!fixed) {
            throw new IllegalArgumentException("graph " + session.graph.name() + " has outputs of open size " + outputs
                    + ": bind its symbols before compiling");
        }
        Map<String, Tensor> all = new LinkedHashMap<>();
        List<Tensor> own = new ArrayList<>();
        outputs.forEach((k, t) -> {
            Tensor have = results.get(k);
            if (have == null) {
                have = Tensor.zeros(t);
                own.add(have);
            }
            check(k, t, have);
            all.put(k, have);
        });
        return new Pinned(given, all, own);
    }

    /** Tensors wrapped once for ONNX Runtime. */
    private final class Pinned implements Binding {
        private final Map<String, OnnxTensor> in = new LinkedHashMap<>();
        private final Map<String, OnnxValue> out = new LinkedHashMap<>();
        private final Map<String, Tensor> results;
        private final List<Tensor> own;

        Pinned(Map<String, Tensor> given, Map<String, Tensor> results, List<Tensor> own) {
            this.results = results;
            this.own = own;
            try {
                wrapInputs(given, in);
                int i = 0;
                for (Tensor t : results.values()) {
                    out.put(session.outputNames.get(i++), wrap(session.environment, t));
                }
            } catch (OrtException e) {
                close();
                throw failed(e);
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }

        @Override
        public void run() {
            Lock run = enter();
            try (OrtSession.Result r = session.ort.run(in, out)) {
                return;
            } catch (OrtException e) {
                throw failed(e);
            } finally {
                run.unlock();
            }
        }

        @Override
        public Tensor output(String name) {
            Tensor t = results.get(name);
            if (t == null) {
                throw new IllegalArgumentException("there is no output " + name + " among " + results.keySet());
            }
            return t;
        }

        @Override
        public void close() {
            in.values().forEach(OnnxTensor::close);
            out.values().forEach(OnnxValue::close);
            own.forEach(Tensor::close);
        }
    }

    private Lock enter() {
        Lock run = lock.readLock();
        run.lock();
        if (closed) {
            run.unlock();
            throw new IllegalStateException(
                    "the program of graph " + session.graph.name() + " is closed: compile again");
        }
        return run;
    }

    private void wrapInputs(Map<String, Tensor> given, Map<String, OnnxTensor> in) throws OrtException {
        Map<String, Long> symbols = new LinkedHashMap<>();
        for (Map.Entry<String, TensorType> e : inputs.entrySet()) {
            Tensor t = given.get(e.getKey());
            if (t == null) {
                throw new IllegalArgumentException("input " + e.getKey() + ": " + e.getValue() + " of graph "
                        + session.graph.name() + " is missing");
            }
            check(e.getKey(), e.getValue(), t);
            for (int i = 0; i < t.shape().rank(); i++) {
                String s = e.getValue().shape().at(i).symbol();
                Long before = s == null ? null : symbols.put(s, t.shape().dim(i));
                if (before != null && before != t.shape().dim(i)) {
                    throw new IllegalArgumentException("input " + e.getKey() + " has shape " + t.shape() + ", but " + s
                            + " is " + before + " in another input");
                }
            }
            in.put(e.getKey(), wrap(session.environment, t));
        }
    }

    static void check(String name, TensorType want, Tensor have) {
        boolean fits = want.dtype() == have.dtype()
                && want.shape().rank() == have.shape().rank();
        for (int i = 0; fits && i < want.shape().rank(); i++) {
            Dim d = want.shape().at(i);
            fits = !d.isKnown() || d.size() == have.shape().dim(i);
        }
        if (!fits) {
            throw new IllegalArgumentException(name + " is " + have.type() + ", but the graph needs " + want);
        }
    }

    /** An ONNX Runtime tensor over the same memory; copied only if it is on the Java heap. */
    static OnnxTensor wrap(OrtEnvironment environment, Tensor t) throws OrtException {
        MemorySegment m = t.data();
        if (m.byteSize() > Integer.MAX_VALUE) {
            throw new UnsupportedOperationException("tensor " + t.type()
                    + " has more than 2^31-1 bytes, which ONNX Runtime's" + " Java interface cannot take: split it");
        }
        ByteBuffer b = m.asByteBuffer().order(ByteOrder.nativeOrder());
        if (m.byteSize() == 0 || !m.isNative()) {
            ByteBuffer copy =
                    ByteBuffer.allocateDirect(Math.max(1, b.remaining())).order(ByteOrder.nativeOrder());
            copy.put(b).flip();
            b = copy;
        }
        return OnnxTensor.createTensor(environment, b, t.shape().sizes(), javaType(t.dtype()));
    }

    private static Tensor copy(DType dtype, OnnxTensor t) {
        Tensor out = Tensor.zeros(dtype, Shape.of(t.getInfo().getShape()));
        if (out.size() > 0) {
            out.data().copyFrom(MemorySegment.ofBuffer(t.getByteBuffer()));
        }
        return out;
    }

    private static OnnxJavaType javaType(DType t) {
        return switch (t) {
            case FLOAT -> OnnxJavaType.FLOAT;
            case DOUBLE -> OnnxJavaType.DOUBLE;
            case FLOAT16 -> OnnxJavaType.FLOAT16;
            case BFLOAT16 -> OnnxJavaType.BFLOAT16;
            case BOOL -> OnnxJavaType.BOOL;
            case INT8 -> OnnxJavaType.INT8;
            case UINT8 -> OnnxJavaType.UINT8;
            case INT16, UINT16 -> OnnxJavaType.INT16;
            case INT32, UINT32 -> OnnxJavaType.INT32;
            case INT64, UINT64 -> OnnxJavaType.INT64;
        };
    }

    /** The message without the place in the runtime's own sources. */
    static String reason(OrtException e) {
        return String.valueOf(e.getMessage())
                .replaceAll("\\s+", " ")
                .replaceAll("Error code - (\\w+) - message: ", "")
                .replaceAll("/onnxruntime_src/\\S+:\\d+ [^()]*\\([^)]*\\)( const)? ", "");
    }

    private RuntimeException failed(OrtException e) {
        return new IllegalStateException("graph " + session.graph.name() + " failed on ONNX Runtime: " + reason(e), e);
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            if (closed) {
                return;
            }
            closed = true;
        } finally {
            lock.writeLock().unlock();
        }
        release.run();
    }
}
