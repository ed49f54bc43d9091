<?php

/** How often. */
class Policy
{
    public function wait(int $attempt): int
    {
        return 2 ** $attempt;
    }
}

function retry(callable $call)
{
    return $call();
}
