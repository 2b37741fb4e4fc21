SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.acts_for(town_ text, party_ text) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT e.engagement FROM engagements e WHERE e.town = town_ AND (e.town = party_ OR e.centre = party_ OR e.carrier = party_) AND e.starts_on <= (now() AT TIME ZONE 'Asia/Tokyo')::date AND e.ends_on >= (now() AT TIME ZONE 'Asia/Tokyo')::date AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement) $$;
ALTER FUNCTION public.acts_for(town_ text, party_ text) OWNER TO certificates_lookup;
CREATE FUNCTION public.calendar_of(sha256_ text) RETURNS TABLE(person text, party text, kind text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT s.person, s.tenant, p.kind FROM subscriptions s JOIN parties p ON p.party = s.tenant WHERE s.calendar_sha256 = sha256_ $$;
ALTER FUNCTION public.calendar_of(sha256_ text) OWNER TO certificates_lookup;
CREATE FUNCTION public.entries_stand() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'an entry is never changed or deleted' USING ERRCODE = '23001'; END $$;
ALTER FUNCTION public.entries_stand() OWNER TO certificates_owner;
CREATE FUNCTION public.issued_to(number_ text, party_ text) RETURNS SETOF text
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT c.tenant FROM certificates c LEFT JOIN items i USING (item) LEFT JOIN engagements e ON e.engagement = coalesce(i.engagement, c.lot_of) WHERE c.number = number_ AND c.requested_at IS NOT NULL AND party_ IN (c.tenant, e.centre) $$;
ALTER FUNCTION public.issued_to(number_ text, party_ text) OWNER TO certificates_lookup;
CREATE FUNCTION public.post_office(since_ timestamp with time zone) RETURNS TABLE(letter uuid, tenant text, what text, state text, attempts integer, written_at timestamp with time zone, changed_at timestamp with time zone, said text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT letter, tenant, what, state, attempts, written_at, changed_at, said FROM letters WHERE state IN ('refused', 'unclear', 'given-up', 'waiting', 'sending') AND changed_at >= since_ ORDER BY changed_at DESC LIMIT 200 $$;
ALTER FUNCTION public.post_office(since_ timestamp with time zone) OWNER TO certificates_lookup;
CREATE FUNCTION public.public_certificate(number_ text) RETURNS TABLE(number text, kind text, requested_at timestamp with time zone, issued_at timestamp with time zone, revoked_at timestamp with time zone, code text, replaces text, replaced_by text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT c.number, c.kind, c.requested_at, c.issued_at, c.revoked_at, c.code, c.replaces, c.replaced_by FROM certificates c WHERE c.number = number_ AND c.requested_at IS NOT NULL $$;
ALTER FUNCTION public.public_certificate(number_ text) OWNER TO certificates_lookup;
CREATE FUNCTION public.resolve(labels_ text[], party_ text) RETURNS TABLE(label text, item uuid, tenant text, engagement uuid, kind text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT i.label, i.item, i.tenant, i.engagement, i.kind FROM items i LEFT JOIN engagements e USING (engagement) WHERE i.label = ANY(labels_) AND (i.tenant = party_ OR ((e.centre = party_ OR e.carrier = party_) AND e.starts_on <= (now() AT TIME ZONE 'Asia/Tokyo')::date AND e.ends_on >= (now() AT TIME ZONE 'Asia/Tokyo')::date AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement))) $$;
ALTER FUNCTION public.resolve(labels_ text[], party_ text) OWNER TO certificates_lookup;
CREATE FUNCTION public.revoked_list() RETURNS SETOF bytea
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$ SELECT body FROM revoked_lists ORDER BY number DESC LIMIT 1 $$;
ALTER FUNCTION public.revoked_list() OWNER TO certificates_lookup;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
ALTER TABLE public.alembic_version OWNER TO certificates_owner;
CREATE TABLE public.bundles (
    bundle uuid NOT NULL,
    tenant text NOT NULL,
    engagement uuid NOT NULL,
    asked_by text NOT NULL,
    asked_at timestamp with time zone NOT NULL,
    certificates integer,
    taken_in integer DEFAULT 0 NOT NULL,
    members_sha256 text,
    size bigint,
    made_at timestamp with time zone,
    failure text
);
ALTER TABLE ONLY public.bundles FORCE ROW LEVEL SECURITY;
ALTER TABLE public.bundles OWNER TO certificates_owner;
CREATE TABLE public.certificates (
    certificate uuid NOT NULL,
    tenant text NOT NULL,
    number text NOT NULL,
    kind text NOT NULL,
    item uuid,
    label text NOT NULL,
    medium uuid,
    lot_of uuid,
    cited uuid,
    asked integer DEFAULT 0 NOT NULL,
    requested_at timestamp with time zone,
    issued_at timestamp with time zone,
    input_sha256 text,
    pdf_sha256 text,
    json_sha256 text,
    key text,
    log_index bigint,
    overdue_at timestamp with time zone,
    revoked_at timestamp with time zone,
    reason text,
    code text,
    replaces text,
    replaced_by text,
    validated integer DEFAULT 0 NOT NULL,
    validated_at timestamp with time zone,
    accepted boolean,
    validator text,
    remark text
);
ALTER TABLE ONLY public.certificates FORCE ROW LEVEL SECURITY;
ALTER TABLE public.certificates OWNER TO certificates_owner;
CREATE TABLE public.ended_engagements (
    engagement uuid NOT NULL,
    tenant text NOT NULL,
    ended_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.ended_engagements FORCE ROW LEVEL SECURITY;
ALTER TABLE public.ended_engagements OWNER TO certificates_owner;
CREATE TABLE public.engagements (
    engagement uuid NOT NULL,
    town text NOT NULL,
    centre text NOT NULL,
    carrier text,
    title text NOT NULL,
    contract text NOT NULL,
    starts_on date NOT NULL,
    ends_on date NOT NULL,
    certificate_days integer NOT NULL,
    certificate_days_kind text DEFAULT 'calendar'::text NOT NULL,
    certificate_by date
);
ALTER TABLE ONLY public.engagements FORCE ROW LEVEL SECURITY;
ALTER TABLE public.engagements OWNER TO certificates_owner;
CREATE TABLE public.entries (
    stream uuid NOT NULL,
    sequence integer NOT NULL,
    id uuid NOT NULL,
    tenant text NOT NULL,
    kind text NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    body bytea NOT NULL,
    salt bytea NOT NULL
)
PARTITION BY RANGE (stream);
ALTER TABLE ONLY public.entries FORCE ROW LEVEL SECURITY;
ALTER TABLE public.entries OWNER TO certificates_owner;
CREATE TABLE public.entries_2026_11 (
    stream uuid CONSTRAINT entries_stream_not_null NOT NULL,
    sequence integer CONSTRAINT entries_sequence_not_null NOT NULL,
    id uuid CONSTRAINT entries_id_not_null NOT NULL,
    tenant text CONSTRAINT entries_tenant_not_null NOT NULL,
    kind text CONSTRAINT entries_kind_not_null NOT NULL,
    recorded_at timestamp with time zone CONSTRAINT entries_recorded_at_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entries_occurred_at_not_null NOT NULL,
    body bytea CONSTRAINT entries_body_not_null NOT NULL,
    salt bytea CONSTRAINT entries_salt_not_null NOT NULL
);
ALTER TABLE public.entries_2026_11 OWNER TO certificates_owner;
CREATE TABLE public.entries_default (
    stream uuid CONSTRAINT entries_stream_not_null NOT NULL,
    sequence integer CONSTRAINT entries_sequence_not_null NOT NULL,
    id uuid CONSTRAINT entries_id_not_null NOT NULL,
    tenant text CONSTRAINT entries_tenant_not_null NOT NULL,
    kind text CONSTRAINT entries_kind_not_null NOT NULL,
    recorded_at timestamp with time zone CONSTRAINT entries_recorded_at_not_null NOT NULL,
    occurred_at timestamp with time zone CONSTRAINT entries_occurred_at_not_null NOT NULL,
    body bytea CONSTRAINT entries_body_not_null NOT NULL,
    salt bytea CONSTRAINT entries_salt_not_null NOT NULL
);
ALTER TABLE public.entries_default OWNER TO certificates_owner;
CREATE TABLE public.evidence (
    entry uuid NOT NULL,
    tenant text NOT NULL,
    stream uuid NOT NULL,
    sequence integer NOT NULL,
    item uuid,
    medium uuid,
    engagement uuid,
    kind text NOT NULL,
    occurred_at timestamp with time zone NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    body bytea NOT NULL,
    salt bytea NOT NULL
);
ALTER TABLE ONLY public.evidence FORCE ROW LEVEL SECURITY;
ALTER TABLE public.evidence OWNER TO certificates_owner;
CREATE TABLE public.items (
    item uuid NOT NULL,
    label text NOT NULL,
    token_sha256 text,
    tenant text NOT NULL,
    engagement uuid NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL,
    registered_at timestamp with time zone NOT NULL,
    label_sequence integer DEFAULT 1 NOT NULL,
    corrected jsonb DEFAULT '{}'::jsonb NOT NULL
);
ALTER TABLE ONLY public.items FORCE ROW LEVEL SECURITY;
ALTER TABLE public.items OWNER TO certificates_owner;
CREATE TABLE public.letters (
    letter uuid NOT NULL,
    tenant text NOT NULL,
    what text NOT NULL,
    about uuid NOT NULL,
    day date NOT NULL,
    person text NOT NULL,
    written_at timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    next_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    said text
);
ALTER TABLE ONLY public.letters FORCE ROW LEVEL SECURITY;
ALTER TABLE public.letters OWNER TO certificates_owner;
CREATE TABLE public.notices (
    "position" bigint NOT NULL,
    id uuid NOT NULL,
    subject text NOT NULL,
    body bytea NOT NULL,
    traceparent text
);
ALTER TABLE ONLY public.notices FORCE ROW LEVEL SECURITY;
ALTER TABLE public.notices OWNER TO certificates_owner;
ALTER TABLE public.notices ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.notices_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.outbox (
    "position" bigint NOT NULL,
    stream uuid NOT NULL,
    sequence integer NOT NULL,
    traceparent text
);
ALTER TABLE ONLY public.outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE public.outbox OWNER TO certificates_owner;
ALTER TABLE public.outbox ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.parked (
    id uuid NOT NULL,
    kind text NOT NULL,
    tenant text NOT NULL,
    body bytea NOT NULL,
    salt bytea NOT NULL,
    reason text NOT NULL,
    parked_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY public.parked FORCE ROW LEVEL SECURITY;
ALTER TABLE public.parked OWNER TO certificates_owner;
CREATE TABLE public.parties (
    party text NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    code text,
    address text,
    contact text
);
ALTER TABLE ONLY public.parties FORCE ROW LEVEL SECURITY;
ALTER TABLE public.parties OWNER TO certificates_owner;
CREATE TABLE public.pending (
    certificate uuid NOT NULL,
    tenant text NOT NULL,
    cited uuid NOT NULL,
    asked integer DEFAULT 1 NOT NULL,
    traceparent text,
    input_sha256 text,
    failure text,
    tried_at timestamp with time zone
);
ALTER TABLE ONLY public.pending FORCE ROW LEVEL SECURITY;
ALTER TABLE public.pending OWNER TO certificates_owner;
CREATE TABLE public.people (
    person text NOT NULL,
    party text NOT NULL,
    name text NOT NULL,
    title text,
    contact text,
    roles jsonb NOT NULL,
    email text
);
ALTER TABLE ONLY public.people FORCE ROW LEVEL SECURITY;
ALTER TABLE public.people OWNER TO certificates_owner;
CREATE TABLE public.proofs (
    entry uuid NOT NULL,
    tenant text NOT NULL,
    log_index bigint NOT NULL,
    path text[] NOT NULL,
    checkpoint text NOT NULL
);
ALTER TABLE ONLY public.proofs FORCE ROW LEVEL SECURITY;
ALTER TABLE public.proofs OWNER TO certificates_owner;
CREATE TABLE public.receipts (
    item uuid NOT NULL,
    tenant text NOT NULL,
    received_at timestamp with time zone NOT NULL
);
ALTER TABLE ONLY public.receipts FORCE ROW LEVEL SECURITY;
ALTER TABLE public.receipts OWNER TO certificates_owner;
CREATE TABLE public.revoked_lists (
    number bigint NOT NULL,
    tenant text NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    next_update timestamp with time zone NOT NULL,
    mark text NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.revoked_lists FORCE ROW LEVEL SECURITY;
ALTER TABLE public.revoked_lists OWNER TO certificates_owner;
CREATE SEQUENCE public.revoked_lists_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.revoked_lists_number_seq OWNER TO certificates_owner;
ALTER SEQUENCE public.revoked_lists_number_seq OWNED BY public.revoked_lists.number;
CREATE TABLE public.subscriptions (
    person text NOT NULL,
    tenant text NOT NULL,
    mail boolean DEFAULT true NOT NULL,
    calendar_sha256 text,
    calendar_at timestamp with time zone
);
ALTER TABLE ONLY public.subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE public.subscriptions OWNER TO certificates_owner;
ALTER TABLE ONLY public.entries ATTACH PARTITION public.entries_2026_11 FOR VALUES FROM ('01a19467-e800-0000-0000-000000000000') TO ('01a22ee6-b000-0000-0000-000000000000');
ALTER TABLE ONLY public.entries ATTACH PARTITION public.entries_default DEFAULT;
ALTER TABLE ONLY public.revoked_lists ALTER COLUMN number SET DEFAULT nextval('public.revoked_lists_number_seq'::regclass);
INSERT INTO public.alembic_version VALUES
	('0007');
INSERT INTO public.certificates VALUES
	('01a22e06-e33c-78df-8c29-23f58cbae44c', 'town-063622', 'D-9K3J-18K0-1', 'destruction', '01a22e06-e33c-752c-9bdd-c02270992d03', '9K3J18K01', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-26 17:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('01a22e06-e33c-70f5-b6da-4163b191f568', 'town-063622', 'T-9K3J-18K0-1', 'tracking', '01a22e06-e33c-752c-9bdd-c02270992d03', '9K3J18K01', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-02-26 17:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('01a22e06-ea90-7e55-963e-f8126c167365', 'town-063622', 'D-HGRP-P88R-4', 'destruction', '01a22e06-ea90-7ef1-bdb4-3033d47af3f1', 'HGRPP88R4', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-03-01 01:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('01a22e06-ea90-71fe-ae1c-48df0c92dc98', 'town-063622', 'T-HGRP-P88R-4', 'tracking', '01a22e06-ea90-7ef1-bdb4-3033d47af3f1', 'HGRPP88R4', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-03-01 01:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('af4d80a9-5580-428b-9ace-e65b1c7904ef', 'town-063622', 'D-X4VH-HC6Z-1', 'destruction', '01a22e06-ec70-7907-99ae-231cef4b7463', 'X4VHHC6Z1', '01a22e06-ec70-7f8c-994c-90181bdfaad4', NULL, NULL, 0, NULL, '2026-11-30 19:55:35.978334+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('300f0a34-0ce5-4d03-9826-03a16bf3fd29', 'town-063622', 'T-X4VH-HC6Z-1', 'tracking', '01a22e06-ec70-7907-99ae-231cef4b7463', 'X4VHHC6Z1', NULL, NULL, NULL, 0, NULL, '2026-11-30 19:55:35.978334+00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('01a22e06-fb44-7cb3-905f-89a17af08e60', 'town-063622', 'D-TH44-2KCT-M', 'destruction', '01a22e06-fb44-7e5e-9c8d-ae7badb996aa', 'TH442KCTM', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-03-01 01:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL),
	('01a22e06-fb44-7da1-adda-b8236ecc6e55', 'town-063622', 'T-TH44-2KCT-M', 'tracking', '01a22e06-fb44-7e5e-9c8d-ae7badb996aa', 'TH442KCTM', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2027-03-01 01:00:00+00', NULL, NULL, NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO public.engagements VALUES
	('01a22e06-c959-7754-9c12-f3e3dbef9b90', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-c959-77d1-9d99-fce473f8f9ef', 'town-011002', 'centre-elsewhere', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-e33c-752c-9bdd-c02270992d03', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-ea90-7ef1-bdb4-3033d47af3f1', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-ec70-7907-99ae-231cef4b7463', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-ef18-7ace-8e34-f4b651ed6b69', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-f8b8-7d9d-8d75-b5bf38d4550c', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e06-fb44-7e5e-9c8d-ae7badb996aa', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e07-0800-75f5-a1a9-7cbc628055c4', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e07-0834-7585-8706-571871f6a02c', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', '2027-02-26'),
	('01a22e07-0028-7aca-a0ce-7b925495ab48', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e07-07dc-7f08-8d7b-6a32173fbbf7', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e07-0101-7e29-a1cb-3823bf890351', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL),
	('01a22e07-0138-76e1-85da-3ccec0753b59', 'town-063622', 'centre-sofmap', NULL, 'リユースPC地域再利用事業', 'R3-情企-14', '2020-01-01', '2099-12-31', 43, 'calendar', NULL);
INSERT INTO public.entries_2026_11 VALUES
	('01a22e06-e33c-78df-8c29-23f58cbae44c', 1, '01a22e06-e850-77bb-85e1-f85bff7860cc', 'town-063622', 'certificates.overdue.v1', '2027-02-26 17:00:00+00', '2027-02-26 17:00:00+00', '\x7b226964223a2230316132326530362d653835302d373762622d383565312d663835626666373836306363222c2273747265616d223a2230316132326530362d653333632d373864662d386332392d323366353863626165343463222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30322d32365431373a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30322d32365431373a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d653333632d373864662d386332392d323366353863626165343463222c226e756d626572223a22442d394b334a2d31384b302d31222c226974656d223a2230316132326530362d653333632d373532632d396264642d633032323730393932643033222c226475655f6f6e223a22323032372d30322d3236227d7d', '\x173fd49bcac6f9db15e58197ab4eb60a'),
	('01a22e06-e33c-70f5-b6da-4163b191f568', 1, '01a22e06-e869-77cd-b5a9-3f7d3833a96c', 'town-063622', 'certificates.overdue.v1', '2027-02-26 17:00:00+00', '2027-02-26 17:00:00+00', '\x7b226964223a2230316132326530362d653836392d373763642d623561392d336637643338333361393663222c2273747265616d223a2230316132326530362d653333632d373066352d623664612d343136336231393166353638222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30322d32365431373a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30322d32365431373a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d653333632d373066352d623664612d343136336231393166353638222c226e756d626572223a22542d394b334a2d31384b302d31222c226974656d223a2230316132326530362d653333632d373532632d396264642d633032323730393932643033222c226475655f6f6e223a22323032372d30322d3236227d7d', '\xef55e4cbdd374899c8bd68a762e814a6'),
	('01a22e06-ea90-7e55-963e-f8126c167365', 1, '01a22e06-ea9c-7094-8ed7-e97280bbf277', 'town-063622', 'certificates.overdue.v1', '2027-03-01 01:00:00+00', '2027-03-01 01:00:00+00', '\x7b226964223a2230316132326530362d656139632d373039342d386564372d653937323830626266323737222c2273747265616d223a2230316132326530362d656139302d376535352d393633652d663831323663313637333635222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d656139302d376535352d393633652d663831323663313637333635222c226e756d626572223a22442d484752502d503838522d34222c226974656d223a2230316132326530362d656139302d376566312d626462342d333033336434376166336631222c226475655f6f6e223a22323032372d30322d3236227d7d', '\x7decc9e121d28c3697841f599ef617a6'),
	('01a22e06-ea90-71fe-ae1c-48df0c92dc98', 1, '01a22e06-eaa0-711d-806f-9e4ab4f2a489', 'town-063622', 'certificates.overdue.v1', '2027-03-01 01:00:00+00', '2027-03-01 01:00:00+00', '\x7b226964223a2230316132326530362d656161302d373131642d383036662d396534616234663261343839222c2273747265616d223a2230316132326530362d656139302d373166652d616531632d343864663063393264633938222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d656139302d373166652d616531632d343864663063393264633938222c226e756d626572223a22542d484752502d503838522d34222c226974656d223a2230316132326530362d656139302d376566312d626462342d333033336434376166336631222c226475655f6f6e223a22323032372d30322d3236227d7d', '\x76086ed4dd3ff16ed045934b39c1d3db'),
	('01a22e06-fb44-7cb3-905f-89a17af08e60', 1, '01a22e06-fbcc-7f22-8f96-1a6cf0fe9d79', 'town-063622', 'certificates.overdue.v1', '2027-03-01 01:00:00+00', '2027-03-01 01:00:00+00', '\x7b226964223a2230316132326530362d666263632d376632322d386639362d316136636630666539643739222c2273747265616d223a2230316132326530362d666234342d376362332d393035662d383961313761663038653630222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d666234342d376362332d393035662d383961313761663038653630222c226e756d626572223a22442d544834342d324b43542d4d222c226974656d223a2230316132326530362d666234342d376535652d396338642d616537626164623939366161222c226475655f6f6e223a22323032372d30322d3236227d7d', '\x29049ebd0886c6c796adc4feab8a84db'),
	('01a22e06-fb44-7da1-adda-b8236ecc6e55', 1, '01a22e06-fbd7-7a22-b8ba-2ba4e8e5a5ce', 'town-063622', 'certificates.overdue.v1', '2027-03-01 01:00:00+00', '2027-03-01 01:00:00+00', '\x7b226964223a2230316132326530362d666264372d376132322d623862612d326261346538653561356365222c2273747265616d223a2230316132326530362d666234342d376461312d616464612d623832333665636336653535222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a226365727469666963617465732e6f7665726475652e7631222c227265636f726465644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032372d30332d30315430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22736572766963653a636572746966696361746573222c227061727479223a22706c6174666f726d227d2c2264617461223a7b226365727469666963617465223a2230316132326530362d666234342d376461312d616464612d623832333665636336653535222c226e756d626572223a22542d544834342d324b43542d4d222c226974656d223a2230316132326530362d666234342d376535652d396338642d616537626164623939366161222c226475655f6f6e223a22323032372d30322d3236227d7d', '\x71e25c69fede62ed61aa3008fe3628cd');
INSERT INTO public.evidence VALUES
	('01a22e06-e315-755d-8485-7a9b0ec60960', 'town-063622', '01a22e06-e315-73e1-8f11-31411eba151c', 1, NULL, NULL, NULL, 'tracking.policy-set.v1', '2026-11-14 01:00:00+00', '2026-11-14 01:00:00+00', '\x7b226964223a2230316132326530362d653331352d373535642d383438352d376139623065633630393630222c2273747265616d223a2230316132326530362d653331352d373365312d386631312d333134313165626131353163222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303633363232222c226b696e64223a22747261636b696e672e706f6c6963792d7365742e7631222c227265636f726465644174223a22323032362d31312d31345430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032362d31312d31345430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22636c65726b222c227061727479223a22746f776e2d303633363232227d2c2264617461223a7b22746f776e223a22746f776e2d303633363232222c2276657273696f6e223a22e7acac31e78988222c22736f75726365223a22e7b78fe58b99e79c81e382ace382a4e38389e383a9e382a4e383b32052322e3132222c22726f7773223a5b7b227a6f6e65223a226d796e756d626572222c22636f6e666964656e7469616c697479223a2233222c226d656469615f636c617373223a312c226173737572616e6365223a226f6e736974655f65726173655f706c75735f6365727469666963617465222c22756e636f6e6669726d6564223a5b5d7d5d7d7d', '\x00000000000000000000000000000000'),
	('01a22e06-e315-7c09-b5d1-cef781135959', 'town-011002', '01a22e06-e315-720e-b9f0-8193b972fa67', 1, NULL, NULL, NULL, 'tracking.policy-set.v1', '2026-11-14 01:00:00+00', '2026-11-14 01:00:00+00', '\x7b226964223a2230316132326530362d653331352d376330392d623564312d636566373831313335393539222c2273747265616d223a2230316132326530362d653331352d373230652d623966302d383139336239373266613637222c2273657175656e6365223a312c2274656e616e74223a22746f776e2d303131303032222c226b696e64223a22747261636b696e672e706f6c6963792d7365742e7631222c227265636f726465644174223a22323032362d31312d31345430313a30303a30302e3030303030305a222c226f636375727265644174223a22323032362d31312d31345430313a30303a30302e3030303030305a222c226279223a7b22706572736f6e223a22636c65726b222c227061727479223a22746f776e2d303633363232227d2c2264617461223a7b22746f776e223a22746f776e2d303131303032222c2276657273696f6e223a22e7acac31e78988222c22736f75726365223a22e7b78fe58b99e79c81e382ace382a4e38389e383a9e382a4e383b32052322e3132222c22726f7773223a5b7b227a6f6e65223a226d796e756d626572222c22636f6e666964656e7469616c697479223a2233222c226d656469615f636c617373223a312c226173737572616e6365223a226f6e736974655f65726173655f706c75735f6365727469666963617465222c22756e636f6e6669726d6564223a5b5d7d5d7d7d', '\x00000000000000000000000000000000');
INSERT INTO public.items VALUES
	('01a22e06-e33c-752c-9bdd-c02270992d03', '9K3J18K01', NULL, 'town-063622', '01a22e06-e33c-752c-9bdd-c02270992d03', 'desktop', '{"item": "01a22e06-e33c-752c-9bdd-c02270992d03", "zone": "mynumber", "label": "9K3J18K01", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-e33c-7b13-95f0-49ef7a88aa7e", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS992d03-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-e33c-752c-9bdd-c02270992d03", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e06-ea90-7ef1-bdb4-3033d47af3f1', 'HGRPP88R4', NULL, 'town-063622', '01a22e06-ea90-7ef1-bdb4-3033d47af3f1', 'desktop', '{"item": "01a22e06-ea90-7ef1-bdb4-3033d47af3f1", "zone": "mynumber", "label": "HGRPP88R4", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-ea90-7631-b221-751615f648c1", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS7af3f1-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-ea90-7ef1-bdb4-3033d47af3f1", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e06-ec70-7907-99ae-231cef4b7463', 'X4VHHC6Z1', NULL, 'town-063622', '01a22e06-ec70-7907-99ae-231cef4b7463', 'desktop', '{"item": "01a22e06-ec70-7907-99ae-231cef4b7463", "zone": "mynumber", "label": "X4VHHC6Z1", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-ec70-7f8c-994c-90181bdfaad4", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS4b7463-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-ec70-7907-99ae-231cef4b7463", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e06-ef18-7ace-8e34-f4b651ed6b69', '17CVVDHXX', NULL, 'town-063622', '01a22e06-ef18-7ace-8e34-f4b651ed6b69', 'desktop', '{"item": "01a22e06-ef18-7ace-8e34-f4b651ed6b69", "zone": "mynumber", "label": "17CVVDHXX", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-ef18-79c5-a6f6-c65de589c291", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TSed6b69-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-ef18-7ace-8e34-f4b651ed6b69", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e06-f8b8-7d9d-8d75-b5bf38d4550c', '3AMKZH78A', NULL, 'town-063622', '01a22e06-f8b8-7d9d-8d75-b5bf38d4550c', 'desktop', '{"item": "01a22e06-f8b8-7d9d-8d75-b5bf38d4550c", "zone": "mynumber", "label": "3AMKZH78A", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-f8b8-79f4-8338-b8176af4920f", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TSd4550c-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-f8b8-7d9d-8d75-b5bf38d4550c", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e06-fb44-7e5e-9c8d-ae7badb996aa', 'TH442KCTM', NULL, 'town-063622', '01a22e06-fb44-7e5e-9c8d-ae7badb996aa', 'desktop', '{"item": "01a22e06-fb44-7e5e-9c8d-ae7badb996aa", "zone": "mynumber", "label": "TH442KCTM", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e06-fb44-751e-9f02-12b2414c4549", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TSb996aa-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e06-fb44-7e5e-9c8d-ae7badb996aa", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-0028-7aca-a0ce-7b925495ab48', '1RP58BC05', NULL, 'town-063622', '01a22e07-0028-7aca-a0ce-7b925495ab48', 'desktop', '{"item": "01a22e07-0028-7aca-a0ce-7b925495ab48", "zone": "mynumber", "label": "1RP58BC05", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-0028-7a79-8476-4d2cc22b615f", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS95ab48-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-0028-7aca-a0ce-7b925495ab48", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-0101-7e29-a1cb-3823bf890351', '4QP3X5HHA', NULL, 'town-063622', '01a22e07-0101-7e29-a1cb-3823bf890351', 'desktop', '{"item": "01a22e07-0101-7e29-a1cb-3823bf890351", "zone": "mynumber", "label": "4QP3X5HHA", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-0101-7022-beb8-60727e3d1ecb", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS890351-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-0101-7e29-a1cb-3823bf890351", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-0138-76e1-85da-3ccec0753b59', 'QN07GGFFN', NULL, 'town-063622', '01a22e07-0138-76e1-85da-3ccec0753b59', 'desktop', '{"item": "01a22e07-0138-76e1-85da-3ccec0753b59", "zone": "mynumber", "label": "QN07GGFFN", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-0138-737e-aecd-6702d05aca39", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS753b59-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-0138-76e1-85da-3ccec0753b59", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-07dc-7f08-8d7b-6a32173fbbf7', 'VQRZC9D7J', NULL, 'town-063622', '01a22e07-07dc-7f08-8d7b-6a32173fbbf7', 'desktop', '{"item": "01a22e07-07dc-7f08-8d7b-6a32173fbbf7", "zone": "mynumber", "label": "VQRZC9D7J", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-07dc-764b-833b-823d1079c66d", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS3fbbf7-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-07dc-7f08-8d7b-6a32173fbbf7", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-0800-75f5-a1a9-7cbc628055c4', '54FZV4GSS', NULL, 'town-063622', '01a22e07-0800-75f5-a1a9-7cbc628055c4', 'desktop', '{"item": "01a22e07-0800-75f5-a1a9-7cbc628055c4", "zone": "mynumber", "label": "54FZV4GSS", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-0800-7d06-8ecc-92c22b685813", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TS8055c4-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-0800-75f5-a1a9-7cbc628055c4", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}'),
	('01a22e07-0834-7585-8706-571871f6a02c', 'PD6SC3XSZ', NULL, 'town-063622', '01a22e07-0834-7585-8706-571871f6a02c', 'desktop', '{"item": "01a22e07-0834-7585-8706-571871f6a02c", "zone": "mynumber", "label": "PD6SC3XSZ", "lease": null, "maker": "ミナト電機", "media": [{"id": "01a22e07-0834-7fae-8aed-fbe5cac5fe4c", "kind": "hdd", "maker": "東野精機", "model": null, "serial": "TSf6a02c-0", "capacity_gb": 500}], "model": "MD-7100", "serial": "MD71K30024", "required": {"on_site": "purge", "assurance": "onsite_erase_plus_certificate", "at_centre": "destroy", "media_class": 1, "policy_version": "第1版"}, "item_kind": "desktop", "department": null, "engagement": "01a22e07-0834-7585-8706-571871f6a02c", "asset_number": "R02-0031", "token_sha256": null, "confidentiality": "3"}', '2026-11-24 01:00:00+00', 1, '{}');
INSERT INTO public.letters VALUES
	('01a22e07-0849-75d4-b06b-5c67da967643', 'town-063622', 'due-in-5', '01a22e07-0834-7585-8706-571871f6a02c', '2027-02-26', 'clerk', '2027-02-18 01:00:00+00', 'sent', 1, '2027-02-18 01:05:00+00', '2027-02-18 01:00:00+00', 'DATA: 250 taken'),
	('01a22e07-0849-7956-809f-e3e1f6ecdccb', 'town-063622', 'due-in-5', '01a22e07-0834-7585-8706-571871f6a02c', '2027-02-26', 'admin', '2027-02-18 01:00:00+00', 'unclear', 1, '2027-02-18 01:05:00+00', '2027-02-18 01:00:00+00', 'DATA: 250 taken'),
	('01a22e07-087c-7fa4-8381-d255bfed2bf1', 'town-063622', 'due-in-1', '01a22e07-0834-7585-8706-571871f6a02c', '2027-02-26', 'admin', '2027-02-25 01:00:00+00', 'waiting', 0, '2027-02-25 01:00:00+00', '2027-02-25 01:00:00+00', NULL),
	('01a22e07-087c-72f5-8071-3dbcb60ba464', 'town-063622', 'due-in-1', '01a22e07-0834-7585-8706-571871f6a02c', '2027-02-26', 'clerk', '2027-02-25 01:00:00+00', 'waiting', 0, '2027-02-25 01:00:00+00', '2027-02-25 01:00:00+00', NULL);
INSERT INTO public.outbox OVERRIDING SYSTEM VALUE VALUES
	(1, '01a22e06-e33c-78df-8c29-23f58cbae44c', 1, NULL),
	(2, '01a22e06-e33c-70f5-b6da-4163b191f568', 1, NULL),
	(3, '01a22e06-ea90-7e55-963e-f8126c167365', 1, NULL),
	(4, '01a22e06-ea90-71fe-ae1c-48df0c92dc98', 1, NULL),
	(5, '01a22e06-fb44-7cb3-905f-89a17af08e60', 1, NULL),
	(6, '01a22e06-fb44-7da1-adda-b8236ecc6e55', 1, NULL);
INSERT INTO public.parties VALUES
	('town-063622', 'town', '最上町', NULL, NULL, '0233-43-2261'),
	('town-011002', 'town', '別の町', NULL, NULL, NULL),
	('centre-sofmap', 'centre', 'ソフマップ ITADセンター', NULL, NULL, NULL),
	('centre-elsewhere', 'centre', '別のセンター', NULL, NULL, NULL);
INSERT INTO public.people VALUES
	('worker', 'centre-sofmap', '髙﨑 亮', '作業主任', NULL, '["worker"]', NULL),
	('witness', 'town-063622', '佐藤 恵', '主事', NULL, '["worker"]', NULL),
	('many0', 'town-063622', 'many0', NULL, NULL, '["clerk"]', NULL),
	('many1', 'town-063622', 'many1', NULL, NULL, '["clerk"]', NULL),
	('many2', 'town-063622', 'many2', NULL, NULL, '["clerk"]', NULL),
	('many3', 'town-063622', 'many3', NULL, NULL, '["clerk"]', NULL),
	('many4', 'town-063622', 'many4', NULL, NULL, '["clerk"]', NULL),
	('many5', 'town-063622', 'many5', NULL, NULL, '["clerk"]', NULL),
	('many6', 'town-063622', 'many6', NULL, NULL, '["clerk"]', NULL),
	('many7', 'town-063622', 'many7', NULL, NULL, '["clerk"]', NULL),
	('many8', 'town-063622', 'many8', NULL, NULL, '["clerk"]', NULL),
	('many9', 'town-063622', 'many9', NULL, NULL, '["clerk"]', NULL),
	('many10', 'town-063622', 'many10', NULL, NULL, '["clerk"]', NULL),
	('many11', 'town-063622', 'many11', NULL, NULL, '["clerk"]', NULL),
	('many12', 'town-063622', 'many12', NULL, NULL, '["clerk"]', NULL),
	('many13', 'town-063622', 'many13', NULL, NULL, '["clerk"]', NULL),
	('many14', 'town-063622', 'many14', NULL, NULL, '["clerk"]', NULL),
	('many15', 'town-063622', 'many15', NULL, NULL, '["clerk"]', NULL),
	('many16', 'town-063622', 'many16', NULL, NULL, '["clerk"]', NULL),
	('many17', 'town-063622', 'many17', NULL, NULL, '["clerk"]', NULL);
INSERT INTO public.people VALUES
	('many18', 'town-063622', 'many18', NULL, NULL, '["clerk"]', NULL),
	('many19', 'town-063622', 'many19', NULL, NULL, '["clerk"]', NULL),
	('many20', 'town-063622', 'many20', NULL, NULL, '["clerk"]', NULL),
	('many21', 'town-063622', 'many21', NULL, NULL, '["clerk"]', NULL),
	('many22', 'town-063622', 'many22', NULL, NULL, '["clerk"]', NULL),
	('many23', 'town-063622', 'many23', NULL, NULL, '["clerk"]', NULL),
	('many24', 'town-063622', 'many24', NULL, NULL, '["clerk"]', NULL),
	('many25', 'town-063622', 'many25', NULL, NULL, '["clerk"]', NULL),
	('many26', 'town-063622', 'many26', NULL, NULL, '["clerk"]', NULL),
	('many27', 'town-063622', 'many27', NULL, NULL, '["clerk"]', NULL),
	('many28', 'town-063622', 'many28', NULL, NULL, '["clerk"]', NULL),
	('many29', 'town-063622', 'many29', NULL, NULL, '["clerk"]', NULL),
	('clerk', 'town-063622', 'clerk', NULL, NULL, '["clerk"]', 'clerk@town.example.jp'),
	('admin', 'town-063622', 'admin', NULL, NULL, '["town-admin"]', 'admin@town.example.jp'),
	('silent', 'town-063622', 'silent', NULL, NULL, '["clerk"]', NULL),
	('approver', 'town-063622', 'approver', NULL, NULL, '["approver"]', 'approver@town.example.jp'),
	('theirs', 'town-011002', 'theirs', NULL, NULL, '["clerk"]', 'theirs@other.example.jp');
INSERT INTO public.subscriptions VALUES
	('clerk', 'town-063622', true, NULL, NULL);
SELECT pg_catalog.setval('public.notices_position_seq', 1, false);
SELECT pg_catalog.setval('public.outbox_position_seq', 6, true);
SELECT pg_catalog.setval('public.revoked_lists_number_seq', 1, false);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.bundles
    ADD CONSTRAINT bundles_pkey PRIMARY KEY (bundle);
ALTER TABLE ONLY public.certificates
    ADD CONSTRAINT certificates_pkey PRIMARY KEY (certificate);
ALTER TABLE ONLY public.ended_engagements
    ADD CONSTRAINT ended_engagements_pkey PRIMARY KEY (engagement);
ALTER TABLE ONLY public.engagements
    ADD CONSTRAINT engagements_pkey PRIMARY KEY (engagement);
ALTER TABLE ONLY public.entries
    ADD CONSTRAINT entries_pkey PRIMARY KEY (stream, sequence);
ALTER TABLE ONLY public.entries_2026_11
    ADD CONSTRAINT entries_2026_11_pkey PRIMARY KEY (stream, sequence);
ALTER TABLE ONLY public.entries_default
    ADD CONSTRAINT entries_default_pkey PRIMARY KEY (stream, sequence);
ALTER TABLE ONLY public.evidence
    ADD CONSTRAINT evidence_pkey PRIMARY KEY (entry);
ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_label_key UNIQUE (label);
ALTER TABLE ONLY public.items
    ADD CONSTRAINT items_pkey PRIMARY KEY (item);
ALTER TABLE ONLY public.letters
    ADD CONSTRAINT letters_pkey PRIMARY KEY (letter);
ALTER TABLE ONLY public.letters
    ADD CONSTRAINT letters_what_about_day_person_key UNIQUE (what, about, day, person);
ALTER TABLE ONLY public.notices
    ADD CONSTRAINT notices_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.parked
    ADD CONSTRAINT parked_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.parties
    ADD CONSTRAINT parties_pkey PRIMARY KEY (party);
ALTER TABLE ONLY public.pending
    ADD CONSTRAINT pending_pkey PRIMARY KEY (certificate);
ALTER TABLE ONLY public.people
    ADD CONSTRAINT people_pkey PRIMARY KEY (person);
ALTER TABLE ONLY public.proofs
    ADD CONSTRAINT proofs_pkey PRIMARY KEY (entry);
ALTER TABLE ONLY public.receipts
    ADD CONSTRAINT receipts_pkey PRIMARY KEY (item);
ALTER TABLE ONLY public.revoked_lists
    ADD CONSTRAINT revoked_lists_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_calendar_sha256_key UNIQUE (calendar_sha256);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (person);
CREATE UNIQUE INDEX bundles_open ON public.bundles USING btree (engagement) WHERE ((made_at IS NULL) AND (failure IS NULL));
CREATE INDEX bundles_tenant ON public.bundles USING btree (tenant, asked_at);
CREATE INDEX certificates_item ON public.certificates USING btree (item);
CREATE INDEX certificates_number ON public.certificates USING btree (number);
CREATE INDEX certificates_revoked ON public.certificates USING btree (revoked_at) WHERE (revoked_at IS NOT NULL);
CREATE INDEX certificates_tenant ON public.certificates USING btree (tenant, issued_at);
CREATE INDEX engagements_centre ON public.engagements USING btree (centre);
CREATE INDEX engagements_town ON public.engagements USING btree (town);
CREATE INDEX entries_id ON ONLY public.entries USING btree (id);
CREATE INDEX entries_2026_11_id_idx ON public.entries_2026_11 USING btree (id);
CREATE INDEX entries_default_id_idx ON public.entries_default USING btree (id);
CREATE INDEX evidence_engagement ON public.evidence USING btree (engagement);
CREATE INDEX evidence_item ON public.evidence USING btree (item, kind);
CREATE INDEX evidence_tenant ON public.evidence USING btree (tenant, kind);
CREATE INDEX items_engagement ON public.items USING btree (engagement);
CREATE INDEX letters_state ON public.letters USING btree (state, next_at);
ALTER INDEX public.entries_id ATTACH PARTITION public.entries_2026_11_id_idx;
ALTER INDEX public.entries_pkey ATTACH PARTITION public.entries_2026_11_pkey;
ALTER INDEX public.entries_id ATTACH PARTITION public.entries_default_id_idx;
ALTER INDEX public.entries_pkey ATTACH PARTITION public.entries_default_pkey;
CREATE TRIGGER entries_stand BEFORE DELETE OR UPDATE ON public.entries FOR EACH ROW EXECUTE FUNCTION public.entries_stand();
ALTER TABLE ONLY public.letters
    ADD CONSTRAINT letters_person_fkey FOREIGN KEY (person) REFERENCES public.people(person) ON DELETE CASCADE;
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_person_fkey FOREIGN KEY (person) REFERENCES public.people(person) ON DELETE CASCADE;
CREATE POLICY app_announces ON public.notices FOR INSERT TO certificates_app WITH CHECK (true);
CREATE POLICY app_announces ON public.outbox FOR INSERT TO certificates_app WITH CHECK (true);
CREATE POLICY app_appends ON public.entries FOR INSERT TO certificates_app WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY app_reads ON public.engagements FOR SELECT TO certificates_app USING (((((( SELECT current_setting('app.tenant'::text, true) AS current_setting) = town) OR (( SELECT current_setting('app.tenant'::text, true) AS current_setting) = centre)) OR (( SELECT current_setting('app.tenant'::text, true) AS current_setting) = carrier)) OR (((( SELECT current_setting('app.party'::text, true) AS current_setting) = town) OR (( SELECT current_setting('app.party'::text, true) AS current_setting) = centre)) OR (( SELECT current_setting('app.party'::text, true) AS current_setting) = carrier))));
CREATE POLICY app_reads ON public.entries FOR SELECT TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY app_reads ON public.parties FOR SELECT TO certificates_app USING (true);
CREATE POLICY app_reads ON public.people FOR SELECT TO certificates_app USING (((party = ANY (ARRAY[( SELECT current_setting('app.tenant'::text, true) AS current_setting), ( SELECT current_setting('app.party'::text, true) AS current_setting)])) OR (EXISTS ( SELECT
   FROM public.engagements
  WHERE (((people.party = engagements.town) OR (people.party = engagements.centre)) OR (people.party = engagements.carrier))))));
ALTER TABLE public.bundles ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON public.bundles TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.certificates TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.ended_engagements TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.evidence TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.items TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.letters TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.pending TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.proofs TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.receipts TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.revoked_lists TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
CREATE POLICY by_tenant ON public.subscriptions TO certificates_app USING ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting))) WITH CHECK ((tenant = ( SELECT current_setting('app.tenant'::text, true) AS current_setting)));
ALTER TABLE public.certificates ENABLE ROW LEVEL SECURITY;
CREATE POLICY consumer_crosses ON public.bundles TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.certificates TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.ended_engagements TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.engagements TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.entries TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.evidence TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.items TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.letters TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.notices TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.outbox TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.parked TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.parties TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.pending TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.people TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.proofs TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.receipts TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.revoked_lists TO certificates_consumer USING (true) WITH CHECK (true);
CREATE POLICY consumer_crosses ON public.subscriptions TO certificates_consumer USING (true) WITH CHECK (true);
ALTER TABLE public.ended_engagements ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.engagements ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.evidence ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.items ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.letters ENABLE ROW LEVEL SECURITY;
CREATE POLICY lookup_reads ON public.certificates FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.ended_engagements FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.engagements FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.items FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.letters FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.parties FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.people FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.revoked_lists FOR SELECT TO certificates_lookup USING (true);
CREATE POLICY lookup_reads ON public.subscriptions FOR SELECT TO certificates_lookup USING (true);
ALTER TABLE public.notices ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.outbox ENABLE ROW LEVEL SECURITY;
CREATE POLICY owner_crosses ON public.bundles TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.certificates TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.ended_engagements TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.engagements TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.entries TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.evidence TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.items TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.letters TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.notices TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.outbox TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.parked TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.parties TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.pending TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.people TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.proofs TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.receipts TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.revoked_lists TO certificates_owner USING (true) WITH CHECK (true);
CREATE POLICY owner_crosses ON public.subscriptions TO certificates_owner USING (true) WITH CHECK (true);
ALTER TABLE public.parked ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.parties ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.receipts ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.revoked_lists ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.subscriptions ENABLE ROW LEVEL SECURITY;
GRANT USAGE ON SCHEMA public TO certificates_app;
GRANT USAGE ON SCHEMA public TO certificates_consumer;
GRANT USAGE ON SCHEMA public TO certificates_lookup;
REVOKE ALL ON FUNCTION public.acts_for(town_ text, party_ text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.acts_for(town_ text, party_ text) TO certificates_app;
GRANT ALL ON FUNCTION public.acts_for(town_ text, party_ text) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.calendar_of(sha256_ text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.calendar_of(sha256_ text) TO certificates_app;
GRANT ALL ON FUNCTION public.calendar_of(sha256_ text) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.issued_to(number_ text, party_ text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.issued_to(number_ text, party_ text) TO certificates_app;
GRANT ALL ON FUNCTION public.issued_to(number_ text, party_ text) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.post_office(since_ timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.post_office(since_ timestamp with time zone) TO certificates_app;
GRANT ALL ON FUNCTION public.post_office(since_ timestamp with time zone) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.public_certificate(number_ text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.public_certificate(number_ text) TO certificates_app;
GRANT ALL ON FUNCTION public.public_certificate(number_ text) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.resolve(labels_ text[], party_ text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.resolve(labels_ text[], party_ text) TO certificates_app;
GRANT ALL ON FUNCTION public.resolve(labels_ text[], party_ text) TO certificates_consumer;
REVOKE ALL ON FUNCTION public.revoked_list() FROM PUBLIC;
GRANT ALL ON FUNCTION public.revoked_list() TO certificates_app;
GRANT ALL ON FUNCTION public.revoked_list() TO certificates_consumer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bundles TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.bundles TO certificates_consumer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.certificates TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.certificates TO certificates_consumer;
GRANT SELECT ON TABLE public.certificates TO certificates_lookup;
GRANT SELECT ON TABLE public.ended_engagements TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.ended_engagements TO certificates_consumer;
GRANT SELECT ON TABLE public.ended_engagements TO certificates_lookup;
GRANT SELECT ON TABLE public.engagements TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.engagements TO certificates_consumer;
GRANT SELECT ON TABLE public.engagements TO certificates_lookup;
GRANT SELECT,INSERT ON TABLE public.entries TO certificates_app;
GRANT SELECT,INSERT ON TABLE public.entries TO certificates_consumer;
GRANT SELECT ON TABLE public.evidence TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.evidence TO certificates_consumer;
GRANT SELECT ON TABLE public.items TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.items TO certificates_consumer;
GRANT SELECT ON TABLE public.items TO certificates_lookup;
GRANT SELECT ON TABLE public.letters TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.letters TO certificates_consumer;
GRANT SELECT ON TABLE public.letters TO certificates_lookup;
GRANT INSERT ON TABLE public.notices TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.notices TO certificates_consumer;
GRANT INSERT ON TABLE public.outbox TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.outbox TO certificates_consumer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parked TO certificates_consumer;
GRANT SELECT ON TABLE public.parties TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.parties TO certificates_consumer;
GRANT SELECT ON TABLE public.parties TO certificates_lookup;
GRANT SELECT,INSERT,UPDATE ON TABLE public.pending TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.pending TO certificates_consumer;
GRANT SELECT ON TABLE public.people TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.people TO certificates_consumer;
GRANT SELECT ON TABLE public.people TO certificates_lookup;
GRANT SELECT ON TABLE public.proofs TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.proofs TO certificates_consumer;
GRANT SELECT ON TABLE public.receipts TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.receipts TO certificates_consumer;
GRANT SELECT ON TABLE public.revoked_lists TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.revoked_lists TO certificates_consumer;
GRANT SELECT ON TABLE public.revoked_lists TO certificates_lookup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriptions TO certificates_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.subscriptions TO certificates_consumer;
GRANT SELECT ON TABLE public.subscriptions TO certificates_lookup;
