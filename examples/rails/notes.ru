# Notes of several tenants: Rails and pg behind PgBouncer in transaction mode. pgaccount says who is asking.

require "rails"
require "active_record/railtie"
require "action_controller/railtie"

class NotesApplication < Rails::Application
  config.root = __dir__
  config.api_only = true
  config.eager_load = false
  config.hosts.clear
  config.secret_key_base = "signs nothing here"
  config.logger = Logger.new($stderr, level: Logger::WARN)
end

# Tenant and author come from the identity, by the defaults of their columns.
class Note < ActiveRecord::Base
end

class NotesController < ActionController::API
  rescue_from ActiveRecord::StatementInvalid do |error|
    result = error.cause.respond_to?(:result) && error.cause.result
    state = result ? result.error_field(PG::Result::PG_DIAG_SQLSTATE) : ""
    render json: { error: error.message.lines.first.strip }, status: state.start_with?("PT") ? state[2..].to_i : 500
  end
  around_action :as_whoever_asks, except: %i[login refresh switch]

  # A refusal is a row, not an error: what it has learnt is committed.
  def login
    answer call("SELECT * FROM account.login(?, ?, ?, ?, ?)", params[:login], params[:password], request.remote_ip,
                request.user_agent, params[:tenant])
  end

  def refresh
    answer call("SELECT * FROM account.refresh(?)", params[:refresh_token])
  end

  def switch
    answer call("SELECT * FROM account.switch_tenant(?, ?)", params[:refresh_token], params[:tenant] || "")
  end

  def tenants
    render json: call("SELECT tenant, tenant_role, is_active, is_current FROM account.memberships() ORDER BY tenant")
  end

  def notes
    Note.create!(body: params[:body]) if request.post?
    render json: Note.order(:id).pluck(:body)
  end

  private

  # A request is a transaction, of whoever its token says.
  def as_whoever_asks
    Note.transaction do
      call("SELECT account.authenticate(?)", request.headers["Authorization"].to_s.delete_prefix("Bearer "))
      yield
    end
  end

  def call(sql, *values)
    Note.connection.select_all(Note.sanitize_sql([sql, *values])).to_a
  end

  def answer(pair)
    render json: pair.first, status: pair.first["status"]
  end
end

NotesApplication.initialize!
Rails.application.routes.draw do
  post "login", to: "notes#login"
  post "refresh", to: "notes#refresh"
  post "switch", to: "notes#switch"
  get "tenants", to: "notes#tenants"
  match "notes", to: "notes#notes", via: %i[get post]
end
run Rails.application
