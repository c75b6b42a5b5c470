CREATE TABLE accounts (
	id INTEGER NOT NULL, 
	kind SMALLINT NOT NULL, 
	name VARCHAR(255), 
	overdraft BOOLEAN NOT NULL, 
	closed BOOLEAN NOT NULL, 
	posted BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	deposited BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	requests BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	last_used_at BIGINT, version BIGINT NOT NULL DEFAULT 0, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_accounts_held CHECK (held >= 0), 
	CONSTRAINT ck_accounts_available CHECK (overdraft OR posted - held >= 0), 
	UNIQUE (name)
);
CREATE TABLE admin_passwords (
	id BIGINT NOT NULL, 
	salt BLOB NOT NULL, 
	hash BLOB NOT NULL, 
	changed_at BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE admin_sessions (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	token BLOB NOT NULL, 
	begun_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	ends_at BIGINT NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	agent VARCHAR(200) NOT NULL, 
	UNIQUE (token)
);
CREATE TABLE admin_sign_ins (
	id INTEGER NOT NULL, 
	at BIGINT NOT NULL, 
	address VARCHAR(64) NOT NULL, 
	agent VARCHAR(200) NOT NULL, 
	succeeded BOOLEAN NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE admin_tokens (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name VARCHAR(100) NOT NULL, 
	token BLOB NOT NULL, 
	preview VARCHAR(32) NOT NULL, 
	scopes VARCHAR(200) NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	last_used_at BIGINT, 
	UNIQUE (token)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0021');
CREATE TABLE alerts (
	name VARCHAR(64) NOT NULL, 
	subject VARCHAR(512) NOT NULL, 
	since BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	cleared_at BIGINT, 
	sent_at BIGINT, 
	owed BOOLEAN NOT NULL, 
	facts TEXT NOT NULL, 
	PRIMARY KEY (name, subject)
);
CREATE TABLE api_keys (
	id INTEGER NOT NULL, 
	account BIGINT NOT NULL, 
	key_hash BLOB NOT NULL, 
	public_id VARCHAR(64) NOT NULL, 
	mint VARCHAR(512) NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	metadata TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, generation INTEGER NOT NULL DEFAULT 0, rotated_by BLOB, limit_id BIGINT REFERENCES key_limits (id), name VARCHAR(100), refund_address VARCHAR(512), refund_next_at BIGINT, refund_tries INTEGER NOT NULL DEFAULT 0, refund_problem VARCHAR(500), note VARCHAR(200), revoked_at BIGINT, name_sought BLOB, note_sought BLOB, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account) REFERENCES accounts (id), 
	UNIQUE (account), 
	UNIQUE (key_hash)
);
CREATE TABLE archives (
	number BIGINT NOT NULL, 
	upto BIGINT NOT NULL, 
	seal BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	statement TEXT NOT NULL, 
	proof BLOB NOT NULL, 
	parts BIGINT NOT NULL, 
	removed BIGINT NOT NULL, 
	amount BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, 
	PRIMARY KEY (number), 
	UNIQUE (upto)
);
CREATE TABLE child_keys (
	id INTEGER NOT NULL, 
	parent BIGINT NOT NULL, 
	number INTEGER NOT NULL, 
	limit_id BIGINT NOT NULL, 
	key_hash BLOB NOT NULL, 
	public_id VARCHAR(64) NOT NULL, 
	name VARCHAR(100), 
	metadata TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT, 
	revoked_at BIGINT, 
	made_by BLOB, 
	PRIMARY KEY (id), 
	FOREIGN KEY(parent) REFERENCES api_keys (id), 
	FOREIGN KEY(limit_id) REFERENCES key_limits (id), 
	UNIQUE (key_hash), 
	UNIQUE (limit_id), 
	CONSTRAINT uq_child_keys_number UNIQUE (parent, number)
);
CREATE TABLE claimed_y (
	y BLOB NOT NULL, 
	saga BIGINT NOT NULL, 
	PRIMARY KEY (y), 
	FOREIGN KEY(saga) REFERENCES sagas (id)
);
CREATE TABLE doubted_proofs (
	proof BIGINT NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY (proof), 
	FOREIGN KEY(proof) REFERENCES proofs (id)
);
CREATE TABLE holds (
	id INTEGER NOT NULL, 
	account BIGINT NOT NULL, 
	amount BIGINT NOT NULL, 
	state SMALLINT NOT NULL, 
	charged BIGINT NOT NULL, 
	uncollected BIGINT NOT NULL, 
	owner BIGINT NOT NULL, 
	request_id VARCHAR(64) NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	endpoint VARCHAR(64) NOT NULL, 
	price_version BIGINT NOT NULL, 
	rates VARCHAR(512) NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	estimated BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, limit_id BIGINT REFERENCES key_limits (id), limit_period BIGINT, provider VARCHAR(255) DEFAULT '' NOT NULL, own_cost BIGINT DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_holds_amount CHECK (amount >= 0), 
	CONSTRAINT ck_holds_charged CHECK (charged >= 0 AND charged <= amount), 
	FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE idempotency (
	scope BLOB NOT NULL, 
	request BLOB NOT NULL, 
	operation BLOB NOT NULL, 
	attempt BLOB NOT NULL, 
	owner BIGINT, 
	paid_request VARCHAR(64), 
	holds_before BIGINT, 
	answer BLOB, 
	created_at BIGINT NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (scope)
);
CREATE TABLE instances (
	id INTEGER NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	started_at BIGINT NOT NULL, 
	seen_at BIGINT NOT NULL, 
	stopped_at BIGINT, shard SMALLINT, revision VARCHAR(16), 
	PRIMARY KEY (id)
);
CREATE TABLE invoices (
	quote BIGINT NOT NULL, 
	claim BLOB NOT NULL, 
	client BLOB NOT NULL, 
	expires_at BIGINT NOT NULL, 
	PRIMARY KEY (quote), 
	FOREIGN KEY(quote) REFERENCES mint_quotes (id), 
	UNIQUE (claim)
);
CREATE TABLE issued_tokens (
	saga BIGINT NOT NULL, 
	account BIGINT NOT NULL, 
	mint VARCHAR(512) NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	amount BIGINT NOT NULL, 
	token BLOB NOT NULL, 
	state SMALLINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	claimed_at BIGINT, 
	PRIMARY KEY (saga), 
	FOREIGN KEY(saga) REFERENCES sagas (id)
);
CREATE TABLE key_limits (
	id INTEGER NOT NULL, 
	account BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	cap BIGINT, 
	reset SMALLINT NOT NULL, 
	period BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	forgiven BIGINT NOT NULL, 
	held BIGINT NOT NULL, 
	total_spent BIGINT NOT NULL, 
	total_requests BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_key_limits_cap CHECK (cap >= 0), 
	CONSTRAINT ck_key_limits_held CHECK (held >= 0), 
	CONSTRAINT ck_key_limits_spent CHECK (forgiven >= 0 AND forgiven <= spent AND spent <= total_spent), 
	FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE keysets (
	id INTEGER NOT NULL, 
	mint VARCHAR(512) NOT NULL, 
	keyset_id VARCHAR(66) NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	active BOOLEAN NOT NULL, 
	input_fee_ppk BIGINT NOT NULL, 
	final_expiry BIGINT, 
	keys TEXT NOT NULL, 
	counter BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT uq_keysets_mint_id UNIQUE (mint, keyset_id)
);
CREATE TABLE latency_sums (
	span BIGINT NOT NULL, 
	start BIGINT NOT NULL, 
	measure BIGINT NOT NULL, 
	bucket BIGINT NOT NULL, 
	requests BIGINT NOT NULL, 
	PRIMARY KEY (span, start, measure, bucket)
);
CREATE TABLE metric_sums (
	metric VARCHAR(64) NOT NULL, 
	labels VARCHAR(1024) NOT NULL, 
	place SMALLINT NOT NULL, 
	value BIGINT NOT NULL, 
	PRIMARY KEY (metric, labels, place)
);
CREATE TABLE mint_quotes (
	id INTEGER NOT NULL, 
	mint VARCHAR(512) NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	amount BIGINT NOT NULL, 
	quote BLOB NOT NULL, 
	lock_index BIGINT, 
	request TEXT NOT NULL, 
	payment_hash BLOB NOT NULL, 
	expires_at BIGINT NOT NULL, 
	state SMALLINT NOT NULL, 
	purpose VARCHAR(32) NOT NULL, 
	account BIGINT, 
	context TEXT NOT NULL, 
	polls BIGINT NOT NULL, 
	polled_at BIGINT NOT NULL, 
	poll_at BIGINT NOT NULL, 
	saga BIGINT, 
	created_at BIGINT NOT NULL, 
	paid_at BIGINT, 
	PRIMARY KEY (id), 
	FOREIGN KEY(saga) REFERENCES sagas (id)
);
CREATE TABLE mint_swaps (
	id INTEGER NOT NULL, 
	source VARCHAR(512) NOT NULL, 
	target VARCHAR(512) NOT NULL, 
	amount BIGINT NOT NULL, 
	quote BIGINT NOT NULL, 
	melt BIGINT, 
	given_up BOOLEAN NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(melt) REFERENCES sagas (id), 
	FOREIGN KEY(quote) REFERENCES mint_quotes (id), 
	UNIQUE (melt), 
	UNIQUE (quote)
);
CREATE TABLE model_overrides (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	provider BIGINT NOT NULL, 
	sought VARCHAR(256) NOT NULL, 
	entry TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	updated_at BIGINT NOT NULL, 
	CONSTRAINT uq_model_overrides_model UNIQUE (provider, sought)
);
CREATE TABLE node_values (
	name VARCHAR(64) NOT NULL, 
	value BLOB NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "node_values" VALUES('schema_serves_since',X'303032312073696E63652030303139');
CREATE TABLE nostr_values (
	name VARCHAR(96) NOT NULL, 
	value BLOB NOT NULL, 
	changed_at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE opening_balances (
	account BIGINT NOT NULL, 
	posted BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	requests BIGINT NOT NULL, 
	PRIMARY KEY (account), 
	FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE opening_limits (
	limit_id BIGINT NOT NULL, 
	period BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	total_spent BIGINT NOT NULL, 
	requests BIGINT NOT NULL, 
	PRIMARY KEY (limit_id), 
	FOREIGN KEY(limit_id) REFERENCES key_limits (id)
);
CREATE TABLE operator_calls (
	name VARCHAR(255) NOT NULL, 
	request VARCHAR(64) NOT NULL, 
	saga BIGINT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (name), 
	FOREIGN KEY(saga) REFERENCES sagas (id), 
	UNIQUE (saga)
);
CREATE TABLE options (
	name VARCHAR(64) NOT NULL, 
	value TEXT NOT NULL, 
	changed_at BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE proofs (
	id INTEGER NOT NULL, 
	keyset BIGINT NOT NULL, 
	counter BIGINT NOT NULL, 
	amount BIGINT NOT NULL, 
	c BLOB NOT NULL, 
	y BLOB NOT NULL, 
	dleq BLOB, 
	status SMALLINT NOT NULL, 
	saga BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_proofs_amount CHECK (amount > 0), 
	FOREIGN KEY(keyset) REFERENCES keysets (id), 
	CONSTRAINT uq_proofs_counter UNIQUE (keyset, counter), 
	UNIQUE (y)
);
CREATE TABLE provider_objects (
	id VARCHAR(255) NOT NULL, 
	account BIGINT NOT NULL, 
	child VARCHAR(64) NOT NULL, 
	provider VARCHAR(64) NOT NULL, 
	kind VARCHAR(64) NOT NULL, 
	body TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE providers (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	slug VARCHAR(64) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	base_url VARCHAR(512) NOT NULL, 
	sealed_keys BLOB NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	fee VARCHAR(32), 
	priority INTEGER NOT NULL, 
	options TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	UNIQUE (slug)
);
CREATE TABLE reconciliations (
	mint VARCHAR(512) NOT NULL, 
	position BIGINT NOT NULL, 
	asked_at BIGINT NOT NULL, 
	trusted BOOLEAN NOT NULL, 
	PRIMARY KEY (mint)
);
CREATE TABLE sagas (
	id INTEGER NOT NULL, 
	kind SMALLINT NOT NULL, 
	state SMALLINT NOT NULL, 
	purpose VARCHAR(32) NOT NULL, 
	account BIGINT, 
	mint VARCHAR(512) NOT NULL, 
	unit VARCHAR(16) NOT NULL, 
	gross BIGINT NOT NULL, 
	fee BIGINT NOT NULL, 
	"plan" BLOB NOT NULL, 
	context TEXT NOT NULL, 
	lease_owner BIGINT NOT NULL, 
	lease_epoch BIGINT NOT NULL, 
	problem VARCHAR(500), 
	created_at BIGINT NOT NULL, 
	ended_at BIGINT, spent BIGINT, 
	PRIMARY KEY (id)
);
CREATE TABLE seals (
	number BIGINT NOT NULL, 
	instance BIGINT NOT NULL, 
	upto BIGINT NOT NULL, 
	transfers BIGINT NOT NULL, 
	digest BLOB NOT NULL, 
	proof BLOB NOT NULL, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (number), 
	UNIQUE (upto)
);
CREATE TABLE switches (
	name VARCHAR(64) NOT NULL, 
	since BIGINT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE traffic_sums (
	span BIGINT NOT NULL, 
	start BIGINT NOT NULL, 
	endpoint VARCHAR(64) NOT NULL, 
	status BIGINT NOT NULL, 
	code VARCHAR(64) NOT NULL, 
	requests BIGINT NOT NULL, 
	PRIMARY KEY (span, start, endpoint, status, code)
);
CREATE TABLE transfers (
	id INTEGER NOT NULL, 
	debit BIGINT NOT NULL, 
	credit BIGINT NOT NULL, 
	amount BIGINT NOT NULL, 
	kind SMALLINT NOT NULL, 
	"key" BLOB NOT NULL, 
	reference BIGINT NOT NULL, 
	balance_after BIGINT, 
	created_at BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT ck_transfers_amount CHECK (amount > 0), 
	CONSTRAINT ck_transfers_two_accounts CHECK (debit <> credit), 
	FOREIGN KEY(credit) REFERENCES accounts (id), 
	FOREIGN KEY(debit) REFERENCES accounts (id), 
	UNIQUE ("key")
);
CREATE TABLE usage_progress (
	id BIGINT NOT NULL, 
	upto BIGINT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE usage_sums (
	span BIGINT NOT NULL, 
	start BIGINT NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	provider VARCHAR(255) NOT NULL, 
	requests BIGINT NOT NULL, 
	prompt_tokens BIGINT NOT NULL, 
	completion_tokens BIGINT NOT NULL, 
	charged BIGINT NOT NULL, 
	lost BIGINT NOT NULL, 
	other BIGINT NOT NULL, 
	own_cost BIGINT NOT NULL, 
	PRIMARY KEY (span, start, model, provider)
);
CREATE TABLE verifications (
	id BIGINT NOT NULL, 
	version BIGINT NOT NULL, 
	proven TEXT, 
	full_at BIGINT, 
	closed_at BIGINT, 
	reason TEXT, 
	PRIMARY KEY (id)
);
CREATE TABLE verified_accounts (
	account BIGINT NOT NULL, 
	upto BIGINT NOT NULL, 
	posted BIGINT NOT NULL, 
	spent BIGINT NOT NULL, 
	deposited BIGINT NOT NULL, 
	PRIMARY KEY (account), 
	FOREIGN KEY(account) REFERENCES accounts (id)
);
CREATE TABLE write_marks (
	writer BIGINT NOT NULL, 
	batch BIGINT NOT NULL, 
	PRIMARY KEY (writer)
);
CREATE INDEX ix_sagas_account ON sagas (account);
CREATE INDEX ix_sagas_open ON sagas (id) WHERE state = 0;
CREATE INDEX ix_api_keys_public_id ON api_keys (public_id);
CREATE INDEX ix_claimed_y_saga ON claimed_y (saga);
CREATE INDEX ix_holds_open ON holds (owner) WHERE state = 0;
CREATE INDEX ix_issued_account ON issued_tokens (account, saga);
CREATE INDEX ix_issued_unclaimed ON issued_tokens (saga) WHERE state = 0;
CREATE INDEX ix_proofs_held ON proofs (keyset, status) WHERE status <> 2;
CREATE INDEX ix_proofs_saga ON proofs (saga);
CREATE INDEX ix_transfers_credit ON transfers (credit, id) WHERE kind <> 2;
CREATE INDEX ix_transfers_debit ON transfers (debit, id);
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END;
CREATE INDEX ix_mint_quotes_due ON mint_quotes (poll_at) WHERE state = 0;
CREATE INDEX ix_mint_quotes_payment_hash ON mint_quotes (payment_hash);
CREATE INDEX ix_mint_quotes_saga ON mint_quotes (saga);
CREATE INDEX ix_invoices_client ON invoices (client, expires_at);
CREATE INDEX ix_key_limits_account ON key_limits (account);
CREATE INDEX ix_api_keys_expiring ON api_keys (expires_at) WHERE refund_address IS NOT NULL;
CREATE INDEX ix_child_keys_public_id ON child_keys (public_id);
CREATE INDEX ix_idempotency_expires ON idempotency (expires_at);
CREATE INDEX ix_mint_swaps_created ON mint_swaps (created_at);
CREATE INDEX ix_provider_objects_account ON provider_objects (account, kind, created_at);
CREATE INDEX ix_provider_objects_created ON provider_objects (created_at);
CREATE INDEX ix_admin_sessions_expires_at ON admin_sessions (expires_at);
CREATE INDEX ix_api_keys_name_sought ON api_keys (name_sought) WHERE name_sought IS NOT NULL;
CREATE INDEX ix_api_keys_note_sought ON api_keys (note_sought) WHERE note_sought IS NOT NULL;
CREATE INDEX ix_transfers_kind ON transfers (kind, id) WHERE kind <> 2;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
        WHEN OLD.kind <> 2
        OR OLD.id > (SELECT coalesce(max(upto), 0) FROM archives WHERE ended_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'transfers are append-only'); END;
DELETE FROM "sqlite_sequence";
