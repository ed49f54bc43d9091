<?php
declare(strict_types=1);
namespace Shop\Core;

use Foo\Bar;

/** A policy. */
#[Attr]
final class Policy extends Base implements Runner {
    use T;
    const LIMIT = 5;
    private int $limit = 3;
    public function __construct(private int $x = 1) {}
    /** Calls. */
    #[Pure]
    public static function run(callable $f, ?int $x = null): ?string
    {
        return $f();
    }
    abstract function nothing();
}
interface Runner { public function run(); }
trait T { function t() {} }
enum Mode: string { case Fast = 'f'; public function next(): self { return self::Fast; } }
function retry(callable $f) { return $f(); }
$h = function ($x) { return $x; };
$a = fn($x) => $x;
