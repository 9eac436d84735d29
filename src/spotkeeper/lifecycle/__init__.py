"""Plan, launch, watch and give back, over protocols. Decisions are pure."""
