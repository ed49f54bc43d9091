using System;

/// <summary>How often.</summary>
public class Policy
{
    public int Limit { get; set; }

    public int Wait(int attempt)
    {
        return 1 << attempt;
    }
}
