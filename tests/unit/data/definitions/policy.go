package shop

import (
	"fmt"
)

// A Policy.
type Policy[T any] struct {
	Limit int
}

type (
	// A is a.
	A struct{ x int }
	B interface {
		Run() error
	}
)

const (
	X = 1
	Y = 2
)

// Run calls.
func (p *Policy[T]) Run(ctx context.Context, f func() error) (err error) {
	return f()
}
func (Policy[T]) Name() string { return "x" }
func (p A) Value() int { return p.x }
func Map[K comparable, V any](m map[K]V) []V { return nil }
var Handler = func(x int) int { return x }
type Fn func(int) error
func init() { go func() { fmt.Println() }() }
