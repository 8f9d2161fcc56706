# A Rails application with the controller of the recipe.
require 'logger'
require 'rails'
require 'active_record'
require 'action_controller/railtie'
require 'rack/handler/puma'

ActiveRecord::Base.establish_connection(adapter: 'postgresql', host: ENV['PGHOST'], port: ENV['PGPORT'], username: ENV['PGUSER'],
                                        database: ENV['PGDATABASE'], pool: 4)

class App < Rails::Application
  config.eager_load = false
  config.secret_key_base = 'of the test' * 8
  config.logger = Logger.new($stderr)
  config.consider_all_requests_local = false
  config.hosts.clear if config.respond_to?(:hosts)
  routes.append do
    get '/who' => 'people#who'
    delete '/users/:id' => 'people#remove'
  end
end

class User < ActiveRecord::Base
end

load File.join(ENV['TMPDIR'], 'block.rb')

class PeopleController < ApplicationController
  # In place of a login.
  def current_user
    request.headers['X-User'] && Struct.new(:id).new(request.headers['X-User'])
  end

  def who
    render json: { uid: ActiveRecord::Base.connection.select_value('SELECT account.uid()') }
  end

  def remove
    User.where(id: params[:id]).delete_all
    raise 'as asked' if request.headers['X-Fail']
    render json: { removed: params[:id] }
  end
end

App.initialize!
Rack::Handler::Puma.run(App, Host: '127.0.0.1', Port: Integer(ARGV[0]), Threads: '0:4', Silent: true)
