defmodule Shop.Policy do
  @moduledoc """
  A policy.
  """
  use GenServer
  alias Shop.Other
  @limit 5
  defstruct [:a, b: 1]
  @type t :: %__MODULE__{}

  @doc """
  Calls.
  """
  @spec run(fun(), integer) :: any
  def run(call, opts \\ [])
  def run(call, opts) when is_list(opts) do
    call.()
  end
  def run(nil, _), do: nil
  defp hidden, do: 1
  @impl true
  def init(x), do: {:ok, x}
  defmacro mac(x) do
    quote do: unquote(x)
  end
  defmodule Inner do
    def x, do: 1
  end
  def a <~> b, do: a
end
defimpl String.Chars, for: Shop.Policy do
  def to_string(x), do: "x"
end
defmodule Shop.PolicyTest do
  use ExUnit.Case
  describe "run/2" do
    test "calls", %{a: a} do
      assert a
    end
  end
end
