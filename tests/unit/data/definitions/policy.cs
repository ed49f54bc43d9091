using System;

namespace Shop.Core
{
    /// <summary>A policy.</summary>
    [Serializable]
    public sealed partial class Policy<T> : Base, IRunner where T : class
    {
        private readonly int limit = 5;
        public int Limit { get; set; }
        public int Computed => limit + 1;
        public event EventHandler Done;
        public Policy(int limit) { this.limit = limit; }
        ~Policy() { }
        /// <summary>Calls.</summary>
        [Obsolete]
        public async Task<T> RunAsync<U>(Func<T> call, U x) where U : new()
        {
            int Local(int a) { return a; }
            return call();
        }
        public static bool operator ==(Policy<T> a, Policy<T> b) => true;
        public int this[int i] => i;
        void IRunner.Run() { }
        private class Nested { void Inner() { } }
    }
    public interface IRunner { void Run(); }
    public enum Mode { Fast, Slow }
    public record Point(int X, int Y);
    public struct S { public int A; void M() {} }
    public delegate void Handler(int x);
    public record struct RS(int X);
}
