require 'set'
module Shop
  # A policy.
  class Policy < Base
    LIMIT = 5
    attr_reader :x
    include Enumerable
    def initialize(limit = 3, *args, k: 1, &block); @limit = limit; end
    # Calls.
    def self.build(x)
      new(x)
    end
    class << self
      def hidden; end
    end
    private
    def run?
      yield
    end
    def ==(other); true; end
    def value=(x); end
    define_method(:dyn) { 1 }
    Point = Struct.new(:x, :y) do
      def sum; x + y; end
    end
  end
end
class Shop::Other; def a = 1; end
def top(x) = x + 1
get '/' do
  'hello'
end
namespace :db do
  desc 'Migrate'
  task :migrate do
    puts 1
  end
end
describe Policy do
  it 'runs' do
    expect(1).to eq 1
  end
end
