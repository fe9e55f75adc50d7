"""What a run says in figures: service, shortage, cost by reason, elasticity, doubt over seeds."""
