"""From feeds to offers: what every pool is and what it costs now."""
