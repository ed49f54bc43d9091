package shop;

import java.util.*;

/** A policy. */
@Deprecated
public abstract class Policy<T extends Object> extends Base implements Runnable {
    private final int limit = 5;
    static { System.out.println(); }
    public Policy(int limit) { this.limit = limit; }
    /** Calls. */
    @Override
    @SuppressWarnings("x")
    public <U> T run(Supplier<T> call, U u) throws IOException {
        Runnable r = new Runnable() { public void run() { } };
        return call.get();
    }
    abstract void nothing();
    enum Mode { FAST { void x() {} }, SLOW; Mode next() { return FAST; } }
    interface Inner { default void m() { } }
    record Point(int x, int y) { Point { } int sum() { return x + y; } }
    @interface Ann { int value() default 1; }
}
