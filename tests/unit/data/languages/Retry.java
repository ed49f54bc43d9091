package shop;

/** How often. */
public class Retry {
    private final int limit = 5;

    @Override
    public String toString() {
        return "retry";
    }
}
