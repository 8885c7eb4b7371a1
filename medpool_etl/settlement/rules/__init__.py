"""The calculations notices order, one module a subject. Each is a pure function of a case to an outcome, in the order of its
clause; :mod:`medpool_etl.settlement.kinds` lists them all."""
